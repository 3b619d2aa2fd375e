# Unit file, sysusers, tmpfiles, completion.
EXTRA_DIST += contrib/README.md contrib/need.sh contrib/schlossd.service.in contrib/schloss.sysusers \
	contrib/schloss.tmpfiles contrib/schlossctl.bash contrib/_schlossctl \
	contrib/grafana/README.md contrib/prometheus/README.md
grafanadir = $(pkgdatadir)/grafana
dist_grafana_DATA = contrib/grafana/schloss.json
prometheusdir = $(pkgdatadir)/prometheus
dist_prometheus_DATA = contrib/prometheus/schloss.rules.yml
systemdsystemunit_DATA = contrib/schlossd.service
CLEANFILES += contrib/schlossd.service
contrib/schlossd.service: contrib/schlossd.service.in Makefile
	$(AM_V_GEN)mkdir -p contrib && sed 's|@sbindir[@]|$(sbindir)|g' $(srcdir)/contrib/schlossd.service.in >$@

# Renamed on the way: these directories are shared with everybody.
install-data-local:
	$(MKDIR_P) $(DESTDIR)$(prefix)/lib/sysusers.d $(DESTDIR)$(prefix)/lib/tmpfiles.d \
		$(DESTDIR)$(datadir)/bash-completion/completions $(DESTDIR)$(datadir)/zsh/site-functions
	$(INSTALL_DATA) $(srcdir)/contrib/schloss.sysusers $(DESTDIR)$(prefix)/lib/sysusers.d/schloss.conf
	sed -e 's|/var/lib|$(localstatedir)/lib|; s|/etc/|$(sysconfdir)/|' $(srcdir)/contrib/schloss.tmpfiles \
		>$(DESTDIR)$(prefix)/lib/tmpfiles.d/schloss.conf
	$(INSTALL_DATA) $(srcdir)/contrib/schlossctl.bash \
		$(DESTDIR)$(datadir)/bash-completion/completions/schlossctl
	ln -sf schlossctl $(DESTDIR)$(datadir)/bash-completion/completions/schlossd
	$(INSTALL_DATA) $(srcdir)/contrib/_schlossctl $(DESTDIR)$(datadir)/zsh/site-functions/_schlossctl
uninstall-local:
	rm -f $(DESTDIR)$(prefix)/lib/sysusers.d/schloss.conf $(DESTDIR)$(prefix)/lib/tmpfiles.d/schloss.conf \
		$(DESTDIR)$(datadir)/bash-completion/completions/schlossctl \
		$(DESTDIR)$(datadir)/bash-completion/completions/schlossd \
		$(DESTDIR)$(datadir)/zsh/site-functions/_schlossctl
