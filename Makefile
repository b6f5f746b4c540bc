# Everything here also works by hand: the recipes are the scripts in scripts/.
.PHONY: run web test bench chaos cluster cluster-down tidy fmt clean

# Builds the editor and the program, and serves on http://127.0.0.1:8090 (ARGS="--port 9000").
run:
	@scripts/run.sh $(ARGS)

# Builds the editor into web/dist.
web:
	@scripts/web.sh

# Installs what the tests need, runs all of them and closes with one line.
test:
	@scripts/test.sh

# What an execution costs: a table, and JSON in target/bench (ARGS="--stored 1000000").
bench:
	@scripts/bench.sh $(ARGS)

# A cluster under load in which everything breaks, and a checker that decides; the table is on stdout, JSON in
# target/chaos (ARGS="--executions 1000000 --faults 200", or ARGS=--planted for bugs that it must find).
chaos:
	@scripts/chaos.sh $(ARGS)

# A cluster on this machine: PostgreSQL, PgBouncer, Redis, and two of each role behind nginx.
cluster:
	@scripts/cluster.sh up $(ARGS)

# Ends it in good order; its data stay in target/cluster.
cluster-down:
	@scripts/cluster.sh down $(ARGS)

# The walls between the crates and the rules of the source, without the tests.
tidy:
	@cargo run --quiet -p xtask -- tidy

fmt:
	@cargo fmt --all

clean:
	@cargo clean
	@rm -rf web/dist web/node_modules
