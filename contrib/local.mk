# Unit file, sysusers, tmpfiles, completion.
