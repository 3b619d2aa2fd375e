# Manual pages.
dist_man_MANS += man/schloss-acl.5
