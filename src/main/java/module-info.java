/**
 * Forgeloom: a runtime on PostgreSQL 18 whose only dependency at run time is PgJDBC.
 *
 * <ul>
 *   <li>{@link io.forgeloom} opens all of it, and closes it.
 *   <li>{@link io.forgeloom.database} opens a bounded, fair pool of connections and runs functions in transactions.
 *   <li>{@link io.forgeloom.lock} takes advisory locks and says who holds them.
 *   <li>{@link io.forgeloom.migrate} brings a database to where ordered, checksummed SQL files are.
 *   <li>{@link io.forgeloom.notify} multiplexes LISTEN and NOTIFY over one session that reconnects.
 *   <li>{@link io.forgeloom.leader} elects one leader for each role, and fences what an earlier one does.
 *   <li>{@link io.forgeloom.node} registers this process and says which others are there.
 *   <li>{@link io.forgeloom.changelog} logs row changes and lets readers follow them in commit order.
 *   <li>{@link io.forgeloom.error} is what it throws: one unchecked tree, one subclass for each decision of a caller.
 * </ul>
 *
 * <p>Code is written for virtual threads: calls block, deadlines are explicit, interruption is never lost. Class files
 * are of release 21. On JDK 21 and on JDK 25, started with {@code --enable-preview}, parallel steps run in the JDK's
 * {@code StructuredTaskScope}; without the flag, and on every other JDK, in plain virtual threads with the same
 * behaviour.
 *
 * <p>Each line of the descriptor says why it is there; {@code MODULE-INFO.md} tells how to embed the module.
 */
// The one automatic module, org.postgresql.jdbc: PgJDBC has no descriptor, but promises this name in its manifest.
@SuppressWarnings("requires-automatic")
module io.forgeloom {
    // Connection, DataSource and SQLException are in our signatures, so whoever reads us must read them too.
    requires transitive java.sql;

    // The driver. Not transitive: none of its types is in an exported signature, and only internal.pg imports them.
    requires org.postgresql.jdbc;

    // PgJDBC's, which as an automatic module cannot ask for it: without javax.naming its DataSource classes do not
    // load, and TLS with sslmode=verify-full fails at the first certificate.
    requires java.naming;

    // The events of the pool. In every JDK; costs nothing while no recording runs.
    requires jdk.jfr;

    // @Nullable and @NullMarked, read by compilers alone. Not transitive, or every modular consumer would need the jar.
    requires static org.jspecify;

    // The command line, an optional dependency of the package cli; the executable jar brings it along.
    requires static info.picocli;

    // Everything in one: where a program starts.
    exports io.forgeloom;

    // The pool and transactions.
    exports io.forgeloom.database;

    // The exceptions, apart from the pool because every other package throws them as well.
    exports io.forgeloom.error;

    // Advisory locks as values, for programs that need one without a leader or a migration.
    exports io.forgeloom.lock;

    // Who leads, and transactions that only the leader commits.
    exports io.forgeloom.leader;

    // LISTEN and NOTIFY for a whole process.
    exports io.forgeloom.notify;

    // What was committed to which rows, in order.
    exports io.forgeloom.changelog;

    // Which processes there are.
    exports io.forgeloom.node;

    // Migrations, which programs start with, and the exceptions and events of a run.
    exports io.forgeloom.migrate;

    // picocli sets the annotated fields of the commands by reflection. Nothing of this package is API.
    opens io.forgeloom.cli to
            info.picocli;

    // The driver makes its sockets by a factory that it instantiates by name; ours tell when the network is silent.
    opens io.forgeloom.internal.pg to
            org.postgresql.jdbc;
}
