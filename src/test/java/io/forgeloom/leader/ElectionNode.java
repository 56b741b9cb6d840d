package io.forgeloom.leader;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.ForgeException;
import io.forgeloom.leader.NodeLog.Cell;
import io.forgeloom.notify.NotifyBus;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A process that campaigns for one role, to be killed and frozen: writes into its {@link NodeLog} when it led, looked at each
 * millisecond, and into the database as leader, fenced. Arguments are {@code name=value}, see {@link NodeProcess}; prints
 * {@code ready} when it has begun, and every event.
 */
public final class ElectionNode {

    /** What the nodes of this package compete for. */
    public static final LeaderRole ROLE = LeaderRole.SCHEDULER;

    /** A table of writes that show what the latest leadership was when they were made. */
    public static final String TABLES = """
            CREATE TABLE leader_writes (id bigint GENERATED ALWAYS AS IDENTITY, timeline bigint, term bigint,
                                        latest_timeline bigint, latest_term bigint, stale boolean);
            CREATE TABLE leader_terms (id bigint GENERATED ALWAYS AS IDENTITY, timeline bigint, term bigint);
            CREATE FUNCTION leader_term() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO public.leader_terms (timeline, term) VALUES (NEW.timeline, NEW.term); RETURN NULL; END';
            CREATE TRIGGER leader_term AFTER INSERT OR UPDATE OF term ON forge_leaders
                FOR EACH ROW WHEN (NEW.role = '%s') EXECUTE FUNCTION leader_term();
            """.formatted(ROLE);

    private static final String WRITE = "INSERT INTO public.leader_writes"
            + " (timeline, term, latest_timeline, latest_term, stale)"
            + " SELECT ?, ?, r.timeline, r.term, ? FROM public.forge_leaders AS r WHERE r.role = '" + ROLE + "'";

    private static final Duration SAMPLE = Duration.ofMillis(1);
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int STALE = 8;

    /** Who says whether this process leads. */
    interface Elector {
        /** The leadership that this process believes in; null for none. */
        @Nullable
        LeadershipToken leads();

        /** Does something as that leader. */
        void write(LeadershipToken token, boolean stale, Write write);

        void resign() throws InterruptedException;
    }

    /** What is done as leader. */
    interface Write {
        void on(Connection connection) throws SQLException;
    }

    private final NodeLog log;
    private final Elector elector;
    private final Duration pause;
    private @Nullable LeadershipToken reigning;

    private ElectionNode(NodeLog log, Elector elector, Duration pause) {
        this.log = log;
        this.elector = elector;
        this.pause = pause;
    }

    /** Runs until it is killed; after SIGTERM it resigns first. */
    public static void main(String[] arguments) throws Exception {
        Map<String, List<String>> given = new HashMap<>();
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            given.computeIfAbsent(argument.substring(0, equals), name -> new ArrayList<>())
                    .add(argument.substring(equals + 1));
        }
        NodeLog log = NodeLog.at(Path.of(one(given, "log", "")));
        Database database = open(given);
        Duration pause = Duration.ofMillis(Long.parseLong(one(given, "pause", "0")));
        String kind = one(given, "elector", "election");
        Elector elector = kind.equals("flag")
                ? new FlagElector(database)
                : new RealElector(
                        database, config(given), Integer.parseInt(one(given, "roles", "1")), kind.equals("election"));
        new ElectionNode(log, elector, pause).run();
    }

    private static String one(Map<String, List<String>> given, String name, String otherwise) {
        return given.getOrDefault(name, List.of(otherwise)).getFirst();
    }

    private static Database open(Map<String, List<String>> given) throws InterruptedException {
        List<String> urls = given.getOrDefault("url", List.of());
        DatabaseConfig.Builder builder = DatabaseConfig.builder(urls.getFirst());
        if (urls.size() > 1) {
            builder.primaryUrls(urls);
        }
        DatabaseConfig config = builder.poolSize(6)
                .poolTimeout(Duration.ofMillis(500))
                .slowStatementThreshold(Duration.ZERO)
                .serviceName("node")
                .build();
        long begun = System.nanoTime();
        while (true) {
            try {
                return Database.open(config);
            } catch (ForgeException e) {
                if (System.nanoTime() - begun > PATIENCE.toNanos()) {
                    throw e;
                }
                Thread.sleep(100);
            }
        }
    }

    private static LeaderConfig config(Map<String, List<String>> given) {
        LeaderConfig.Builder builder = LeaderConfig.builder();
        given.forEach((name, values) -> {
            String value = values.getFirst();
            switch (name) {
                case "lease" -> builder.leaseDuration(Duration.ofMillis(Long.parseLong(value)));
                case "check" -> builder.checkInterval(Duration.ofMillis(Long.parseLong(value)));
                case "validate" -> builder.lockValidateInterval(Duration.ofMillis(Long.parseLong(value)));
                case "poll" -> builder.standbyPollInterval(Duration.ofMillis(Long.parseLong(value)));
                case "takeover" -> builder.takeover(Takeover.valueOf(value));
                default -> {}
            }
        });
        return builder.build();
    }

    private void run() {
        Thread.ofVirtual().name("node-write").start(this::write);
        Thread.ofVirtual().name("node-resign").start(this::resign);
        System.out.println("ready");
        while (true) {
            sample();
            LockSupport.parkNanos(SAMPLE.toNanos());
        }
    }

    /** The process may be stopped between any two of these lines: the reign becomes shorter by that, never longer. */
    private void sample() {
        long before = System.nanoTime();
        LeadershipToken token = elector.leads();
        if (token != null && token.equals(reigning)) {
            log.prolong(before);
        } else if (token != null) {
            log.begin(token, System.nanoTime());
        }
        reigning = token;
    }

    // ---- what it does as leader ----

    private void write() {
        List<LeadershipToken> held = new ArrayList<>();
        while (true) {
            LeadershipToken token = elector.leads();
            if (log.get(Cell.HOLD_ASKED) > 0) {
                hold(token);
            } else if (!pause.isZero()) {
                if (token != null && !held.contains(token)) {
                    held.addFirst(token);
                    held.subList(Math.min(STALE, held.size()), held.size()).clear();
                }
                if (token != null) {
                    count(token, false, Cell.WRITES, Cell.WRITES_REFUSED);
                }
                for (LeadershipToken stale : held) {
                    if (!stale.equals(token)) {
                        count(stale, true, Cell.STALE_WRITES_ACCEPTED, Cell.STALE_WRITES_REFUSED);
                    }
                }
            }
            LockSupport.parkNanos(Math.max(SAMPLE.toNanos(), pause.toNanos()));
        }
    }

    private void count(LeadershipToken token, boolean stale, Cell accepted, Cell refused) {
        try {
            elector.write(token, stale, connection -> insert(connection, token, stale));
            log.add(accepted, 1);
        } catch (LeadershipLostException e) {
            log.add(refused, 1);
        } catch (ForgeException e) {
            log.add(Cell.WRITES_FAILED, 1);
        }
    }

    private static void insert(Connection connection, LeadershipToken token, boolean stale) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(WRITE)) {
            insert.setLong(1, token.timeline());
            insert.setLong(2, token.term());
            insert.setBoolean(3, stale);
            insert.execute();
        }
    }

    /** A fenced statement that lasts longer than it may, one after the other. */
    private void hold(@Nullable LeadershipToken token) {
        if (token == null) {
            return;
        }
        try {
            elector.write(token, false, connection -> {
                try (Statement statement = connection.createStatement()) {
                    log.set(Cell.HOLD_BEGUN, System.nanoTime());
                    statement.execute("SELECT pg_sleep(60)");
                }
            });
        } catch (ForgeException e) {
            // Its time was over.
            log.set(Cell.HOLD_BEGUN, 0);
        }
    }

    private void resign() {
        long done = log.get(Cell.RESIGN_ASKED);
        while (true) {
            long asked = log.get(Cell.RESIGN_ASKED);
            if (asked != done) {
                done = asked;
                log.set(Cell.RESIGN_BEGUN, System.nanoTime());
                try {
                    elector.resign();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
            LockSupport.parkNanos(SAMPLE.toNanos());
        }
    }

    /** Ours. */
    private static final class RealElector implements Elector {

        private final LeaderElection election;
        private final StaleLeaderships leaderships = new StaleLeaderships();

        RealElector(Database database, LeaderConfig config, int roles, boolean started) throws InterruptedException {
            NotifyBus bus = NotifyBus.of(database);
            LeaderRole[] all = new LeaderRole[roles];
            all[0] = ROLE;
            for (int i = 1; i < roles; i++) {
                all[i] = LeaderRole.daemon("further-" + i);
            }
            election = LeaderElection.of(database, bus, config, all);
            election.onEvent(event -> System.out.println("event " + System.nanoTime() + " " + event));
            bus.start();
            boolean unused = bus.awaitGeneration(1, PATIENCE);
            if (started) {
                election.start();
            }
            Runtime.getRuntime()
                    .addShutdownHook(Thread.ofPlatform().name("node-close").unstarted(election::close));
        }

        @Override
        public @Nullable LeadershipToken leads() {
            Leadership leadership = election.leadership(ROLE).orElse(null);
            if (leadership == null) {
                return null;
            }
            leaderships.add(leadership);
            return leadership.token();
        }

        @Override
        public void write(LeadershipToken token, boolean stale, Write write) {
            leaderships.get(token, stale).<@Nullable Void, RuntimeException>inTransaction(transaction -> {
                write.on(transaction.connection());
                return null;
            });
        }

        @Override
        public void resign() throws InterruptedException {
            election.resign(ROLE);
        }
    }
}
