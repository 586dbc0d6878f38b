# Each target says what it does as it goes. `make demo` and `make test` want Debian 12 and Swift 6.3, and install what
# else is missing.

.PHONY: help demo build release test lint fuzz simulate install clean

help:
	@echo 'make demo     build Brana and show it: zone server, edge, three backends and calls, in one process'
	@echo 'make test     install what the tests need, lint, build, run every test'
	@echo 'make lint     format, layers, file lengths, and a build in which warnings are errors'
	@echo 'make fuzz     a minute of fuzzing for the proxy core and each reader of SIP and DNS (SECONDS_EACH=n for longer, SEED=n to repeat)'
	@echo 'make simulate an hour of calls through trouble in virtual time (SEED=n SEEDS=count HOURS=h for others)'
	@echo 'make release  the optimised binary: .build/release/brana'
	@echo 'make install  release, then binary and unit into DESTDIR (default: /)'

demo:
	@echo '== demo: see to the libraries that Brana is built with'
	@bash .ci/packages build
	@echo '== demo: build the optimised binary (some minutes the first time)'
	@swift build -c release --product brana
	@echo '== demo: run the rehearsal'
	@.build/release/brana demo --once

build:
	swift build

release:
	swift build -c release --product brana

# Test targets whose tests wait for real sockets and clocks.
with_sockets = (SIPDNS|EdgeTLS|EdgeRuntime|EdgeControl|Brana)Tests

test:
	@echo '== test: see to the packages that the tests use'
	@bash .ci/packages test
	@$(MAKE) --no-print-directory lint
	@echo '== test: the suites that compute'
	@swift test --skip-build --skip '$(with_sockets)|SystemTests'
	@echo '== test: the suites with sockets, a few tests at a time, so that none waits for a processor past its deadline'
	@SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 swift test --skip-build --filter '$(with_sockets)'
	@echo '== test: short simulations, of a minute each'
	@bash Tests/Simulate/run.sh --seeds 2000 --hours 0.0167
	@echo '== test: a million damaged messages, always the same ones (MSG-61)'
	@bash Tests/Simulate/run.sh --damage 1000000
	@echo '== test: system tests, with real peers'
	@swift test --skip-build --filter SystemTests

lint:
	@echo '== lint'
	@bash .ci/lint

fuzz:
	@SEED=$(or $(SEED),0) bash Tests/Fuzz/run.sh $(or $(SECONDS_EACH),60)

simulate:
	@bash Tests/Simulate/run.sh --seed $(or $(SEED),1) --seeds $(or $(SEEDS),1) --hours $(or $(HOURS),1)

install: release
	install -D -m 755 .build/release/brana $(DESTDIR)/usr/bin/brana
	install -D -m 644 deploy/systemd/brana.service $(DESTDIR)/lib/systemd/system/brana.service
	install -D -m 644 deploy/systemd/brana.sysusers $(DESTDIR)/usr/lib/sysusers.d/brana.conf
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/brana README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/brana/docs docs/*.md
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/brana/config config/*.yaml
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/brana/zones zones/*.zone zones/README.md

clean:
	swift package clean
