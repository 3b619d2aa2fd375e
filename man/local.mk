# Manual pages.
dist_man_MANS += man/schloss-acl.5 man/schloss-audit.5 man/schloss-auth.7 man/schloss-metrics.7 man/schloss-quotas.7 man/schloss-site.5 \
	man/schloss-tenants.7 man/schloss-tutorial.7 man/schlossd.8 man/schlossd.yaml.5 man/schlossctl.1
EXTRA_DIST += man/options.py man/metrics.py man/README.md
