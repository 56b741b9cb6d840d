package io.forgeloom.migrate;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.ConnectionPool;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.lock.HeldLock;
import io.forgeloom.lock.LockId;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.migrate.MigrationPlan.Step;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Brings a database to where the migration files are: each file once, in order, never back. Made to be called by every
 * node of a deployment at its start, at the same moment: one of them works, under an advisory lock that nobody blocks on,
 * and the others return as soon as there is nothing left to do.
 *
 * <p>The runtime's own migrations come first, always all of them. Then those of the user: the list without a name, and
 * those with one, each of which is held against its own rows alone, so that two applications may share a database. A file
 * that was applied must stay as it was; a new one goes behind the others. Files are {@code 0001_create_users.sql}, numbered
 * from 1 without a gap. A file runs in a transaction together with its row in {@code forge_system_migrations}, unless its
 * leading comments say {@code -- @transactional false}: then it has one statement, such as {@code CREATE INDEX
 * CONCURRENTLY}, and a run that was cut off in it is finished by the next.
 *
 * <p>If there is nothing to do, that costs three round trips. Safe for use by many threads.
 *
 * {@snippet class="io.forgeloom.examples.Migrating" region="migrate"}
 */
public final class Migrator {

    static final System.Logger LOG = System.getLogger("io.forgeloom.migrate");

    /** Forge's: "FORGE". */
    static final LockId LOCK = LockId.of(0x46_4F52_4745L);

    private final ConnectionPool pool;
    private final Map<String, MigrationSource> sources;
    private final MigrationSource system;
    private final @Nullable Identifier schema;
    private final MigrationLimits limits;
    private final SchemaDrift drift;
    private final Consumer<MigrationEvent> listener;

    private Migrator(Builder builder) {
        this.pool = builder.pool;
        this.sources = new LinkedHashMap<>(builder.sources);
        this.system = builder.system;
        this.schema = builder.schema;
        this.limits = builder.limits();
        this.drift = builder.drift;
        Consumer<MigrationEvent> told = builder.listener;
        this.listener = event -> tell(told, event);
    }

    /**
     * Options first, then {@link Builder#build()}.
     *
     * @param primary of which one dedicated connection is taken for each run
     */
    public static Builder builder(ConnectionPool primary) {
        return new Builder(primary);
    }

    /**
     * Applies what is pending. Returns when nothing is pending any more, whoever applied it.
     *
     * @throws MigrationFileException if the files are not what they must be; no connection was taken
     * @throws MigrationException if it did not go on, with the reason; what had been applied stays
     * @throws io.forgeloom.database.AcquireException if there is no connection
     */
    public MigrationResult migrate() {
        long begun = System.nanoTime();
        List<MigrationList> lists = lists();
        return inSession(session -> migrate(session, lists, begun));
    }

    /**
     * How files and database stand to each other, problems included, those of the schema as well unless
     * {@link SchemaDrift#IGNORE} says not to look. Takes no lock and changes nothing; another run may be
     * under way.
     *
     * @throws MigrationFileException if the files are not what they must be; no connection was taken
     * @throws MigrationException if the database could not be asked
     * @throws io.forgeloom.database.AcquireException if there is no connection
     */
    public MigrationStatus status() {
        List<MigrationList> lists = lists();
        return inSession(session -> status(session, lists));
    }

    private MigrationStatus status(MigrationSession session, List<MigrationList> lists)
            throws SQLException, InterruptedException {
        MigrationPlan plan = MigrationPlan.of(lists, session.applied());
        boolean unfinished = plan.steps().stream().anyMatch(Step::unfinished);
        List<String> differences = unfinished ? List.of() : differences(session);
        List<String> refusals = new ArrayList<>(drift == SchemaDrift.FAIL ? differences : List.of());
        for (Step step : plan.steps()) {
            LooseMigration.refusal(step, session.schema()).ifPresent(refusals::add);
        }
        return plan.status(differences, refusals);
    }

    private List<MigrationList> lists() {
        List<MigrationList> lists = new ArrayList<>();
        lists.add(new MigrationList("", true, MigrationReader.read(system, MigrationName.Owner.SYSTEM)));
        sources.forEach((name, source) ->
                lists.add(new MigrationList(name, false, MigrationReader.read(source, MigrationName.Owner.USER))));
        return lists;
    }

    private interface Work<T> {
        T in(MigrationSession session) throws SQLException, InterruptedException;
    }

    private <T> T inSession(Work<T> work) {
        try (MigrationSession session = MigrationSession.open(pool, schema, limits.idleTimeout())) {
            return work.in(session);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw MigrationException.of(Reason.INTERRUPTED, "interrupted; run again: nothing is half done", e);
        } catch (AcquireException e) {
            boolean interrupted = e.reason() == AcquireException.Reason.INTERRUPTED;
            throw interrupted ? MigrationException.of(Reason.INTERRUPTED, "interrupted before it began", e) : e;
        } catch (SQLException e) {
            throw MigrationException.ofSession(e);
        } catch (DatabaseException e) {
            throw MigrationException.ofSession(e.sqlException());
        }
    }

    private MigrationResult migrate(MigrationSession session, List<MigrationList> lists, long begun)
            throws SQLException, InterruptedException {
        MigrationPlan plan = MigrationPlan.of(lists, session.applied()).requireSound();
        List<String> applied = List.of();
        List<String> differences;
        // Most starts find nothing to do, and take no lock for it.
        @Nullable
        HeldLock lock = plan.steps().isEmpty()
                ? null
                : new LockWait(session, limits, listener)
                        .takeUnless(() -> MigrationPlan.of(lists, session.applied())
                                .requireSound()
                                .steps()
                                .isEmpty());
        if (lock == null) {
            differences = report(differences(session));
            if (!plan.steps().isEmpty()) {
                // Another run did it meanwhile.
                plan = MigrationPlan.of(lists, session.applied());
            }
        } else {
            try (lock) {
                requireOneSession(session, lock);
                session.prepare(limits.lockTimeout());
                plan = MigrationPlan.of(lists, session.applied()).requireSound();
                // What an unfinished file has done so far is no change by hand, and is not told apart from one.
                boolean unfinished = plan.steps().stream().anyMatch(Step::unfinished);
                differences = unfinished ? List.of() : report(differences(session));
                applied = apply(session, lock, plan);
            }
        }
        return new MigrationResult(applied, plan.applied(), differences, MigrationRun.since(begun));
    }

    private List<String> apply(MigrationSession session, HeldLock lock, MigrationPlan plan)
            throws SQLException, InterruptedException {
        List<Step> steps = plan.steps();
        if (!steps.isEmpty()) {
            listener.accept(new MigrationEvent.Planned(
                    steps.size(),
                    steps.stream()
                            .mapToInt(step -> step.file().statements().size())
                            .sum()));
        }
        return new MigrationRun(session, lock, limits, listener).apply(steps);
    }

    private List<String> differences(MigrationSession session) throws SQLException, InterruptedException {
        if (drift == SchemaDrift.IGNORE) {
            return List.of();
        }
        try {
            return session.differences();
        } catch (SQLException e) {
            if (!CatalogFingerprint.isPassing(e)) {
                throw e;
            }
            String message = "the schema could not be compared with what the last migration left, since others were"
                    + " changing or locking it: " + e.getMessage();
            // Who wants only to be warned is not kept from starting by what others do.
            if (drift == SchemaDrift.FAIL) {
                throw MigrationException.of(Reason.REFUSED, message + "; nothing was applied; run again", e);
            }
            LOG.log(Level.WARNING, message);
            return List.of();
        }
    }

    private List<String> report(List<String> differences) {
        if (!differences.isEmpty() && drift == SchemaDrift.FAIL) {
            throw MigrationException.schemaChanged(differences);
        }
        for (String difference : differences) {
            LOG.log(Level.WARNING, "the schema is not what the last migration left: " + difference);
            listener.accept(new MigrationEvent.SchemaChanged(difference));
        }
        return differences;
    }

    /** A pooler could send the lock and the work to two sessions. */
    private static void requireOneSession(MigrationSession session, HeldLock lock) throws SQLException {
        if (!session.isSameBackend() || !lock.isHeld(Duration.ofSeconds(5))) {
            throw new SQLException("statements of one connection reach different sessions of the server: a pooler is in"
                    + " between; give the migrations the server's own address");
        }
    }

    private static void tell(Consumer<MigrationEvent> listener, MigrationEvent event) {
        try {
            listener.accept(event);
        } catch (RuntimeException e) {
            LOG.log(Level.WARNING, "the listener failed at " + event, e);
        }
    }

    /** Collects the options of a migrator. One thread at a time. */
    public static final class Builder {

        private final ConnectionPool pool;
        private final Map<String, MigrationSource> sources = new LinkedHashMap<>();
        private MigrationSource system = SystemSchema.source();
        private @Nullable Identifier schema;
        private Duration lockWait = MigrationLimits.DEFAULT.lockWait();
        private Duration lockTimeout = MigrationLimits.DEFAULT.lockTimeout();
        private Duration retryTimeout = MigrationLimits.DEFAULT.retryTimeout();
        private Duration statementTimeout = MigrationLimits.DEFAULT.statementTimeout();
        private Duration looseStatementTimeout = MigrationLimits.DEFAULT.looseStatementTimeout();
        private Duration idleTimeout = MigrationLimits.DEFAULT.idleTimeout();
        private SchemaDrift drift = SchemaDrift.WARN;
        private Consumer<MigrationEvent> listener = event -> {};

        private Builder(ConnectionPool pool) {
            this.pool = Objects.requireNonNull(pool, "primary");
        }

        /** The user's migrations, the list without a name. Defaults to none. */
        public Builder migrations(MigrationSource source) {
            return put("", source);
        }

        /**
         * Migrations of one of several applications on this database. Their versions stand in the history with the name and
         * a slash before them; what other lists have there is none of their business. Lists are applied in the order in
         * which they are given here.
         *
         * @param name 1 to 63 lower-case letters, digits, {@code _} and {@code -}, beginning with a letter or digit
         * @throws ConfigurationException if the name is not so
         */
        public Builder named(String name, MigrationSource source) {
            return put(MigrationList.requireName(name), source);
        }

        private Builder put(String name, MigrationSource source) {
            if (sources.putIfAbsent(name, Objects.requireNonNull(source, "source")) != null) {
                throw new ConfigurationException(
                        "named", name.isEmpty() ? "migrations() is given twice" : "\"" + name + "\" is given twice");
            }
            return this;
        }

        /** For tests of what a later version will bring. */
        Builder system(MigrationSource source) {
            this.system = source;
            return this;
        }

        /**
         * Where the runtime's own tables and functions are; made if it is not there. The user's migrations run with the
         * search path of the connection, whatever this is. Defaults to the first schema of that path.
         */
        public Builder schema(Identifier schema) {
            this.schema = schema;
            return this;
        }

        /** How long to wait while another run has the lock; 0 to 1 day. Defaults to 300 s. */
        public Builder lockWait(Duration lockWait) {
            this.lockWait = lockWait;
            return this;
        }

        /**
         * How long a statement of a file in a transaction may wait for a lock of the database, which is how long it may keep
         * others waiting behind it; 1 ms to 1 day. Then the file is rolled back and begins again. Defaults to 5 s.
         */
        public Builder lockTimeout(Duration lockTimeout) {
            this.lockTimeout = lockTimeout;
            return this;
        }

        /** How long a file that met a lock timeout or a deadlock is begun again; 0 to 1 day. Defaults to 5 min. */
        public Builder retryTimeout(Duration retryTimeout) {
            this.retryTimeout = retryTimeout;
            return this;
        }

        /** How long a statement in a transaction may take; 1 ms to 1 day. Defaults to 5 min. */
        public Builder statementTimeout(Duration statementTimeout) {
            this.statementTimeout = statementTimeout;
            return this;
        }

        /** How long the statement of a file without a transaction may take; 1 ms to 1 day. Defaults to 30 min. */
        public Builder looseStatementTimeout(Duration looseStatementTimeout) {
            this.looseStatementTimeout = looseStatementTimeout;
            return this;
        }

        /** For tests of a process that is frozen, which cannot wait for a minute. */
        Builder idleTimeout(Duration idle) {
            idleTimeout = idle;
            return this;
        }

        /** What to do about a schema that was changed by hand. Defaults to {@link SchemaDrift#WARN}. */
        public Builder schemaDrift(SchemaDrift drift) {
            this.drift = Objects.requireNonNull(drift, "schemaDrift");
            return this;
        }

        /** Told how a run goes on; see {@link MigrationEvent} for the thread and the order. Defaults to nobody. */
        public Builder listener(Consumer<MigrationEvent> listener) {
            this.listener = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /**
         * The migrator; opens nothing.
         *
         * @throws ConfigurationException if an option is out of its bounds
         */
        public Migrator build() {
            return new Migrator(this);
        }

        private MigrationLimits limits() {
            return new MigrationLimits(
                    lockWait, lockTimeout, retryTimeout, statementTimeout, looseStatementTimeout, idleTimeout);
        }
    }
}
