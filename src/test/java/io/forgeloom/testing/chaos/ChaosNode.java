package io.forgeloom.testing.chaos;

import io.forgeloom.Forge;
import io.forgeloom.ForgeConfig;
import io.forgeloom.ForgeStartException;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.ReplicaOptions;
import io.forgeloom.database.ReplicaStart;
import io.forgeloom.error.ForgeException;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.Takeover;
import io.forgeloom.node.NodeConfig;
import io.forgeloom.node.NodeInfo;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A process with the whole runtime in use, to be harmed. Arguments: its name, a file whose lines are commands, and the URLs of
 * the servers. Tells what it does on standard output, as {@link Line}s.
 */
public final class ChaosNode {

    static final int POOL = 12;
    static final int REPLICA_POOL = 4;
    static final Duration POOL_TIMEOUT = Duration.ofMillis(1_500);
    static final Duration MAX_LAG = Duration.ofSeconds(2);
    static final Duration LEASE = Duration.ofSeconds(2);
    static final Duration DEAD_AFTER = Duration.ofSeconds(4);
    static final Duration RETENTION = Duration.ofSeconds(60);

    private static final long START_LIMIT_NANOS = Duration.ofSeconds(90).toNanos();
    private static final long RETRY_LIMIT_NANOS = Duration.ofSeconds(60).toNanos();
    private static final Duration IDLE = Duration.ofSeconds(2);

    private final String name;
    private final Teller teller;
    private final Forge forge;
    private final LeaderElection safe;
    private final Load load;
    private final CopyUser copy;
    private final SessionUsers sessions;

    private ChaosNode(String name, Teller teller, Forge forge) {
        this.name = name;
        this.teller = teller;
        this.forge = forge;
        this.safe = LeaderElection.of(forge.database(), forge.bus(), leader(Takeover.AFTER_LEASE), ChaosSchema.SAFE);
        this.load = new Load(teller);
        this.copy = new CopyUser(forge, teller);
        this.sessions = new SessionUsers(forge, teller);
    }

    /** What may fail for a while because of a fault. */
    interface Attempt<T, X extends Exception> {
        T run() throws X;
    }

    /** Again and again until it succeeds. */
    static <T, X extends Exception> T retried(Attempt<T, X> attempt) throws X, InterruptedException {
        long begun = System.nanoTime();
        while (true) {
            try {
                return attempt.run();
            } catch (io.forgeloom.changelog.ConsumerTakenOverException e) {
                throw e;
            } catch (ForgeException e) {
                if (System.nanoTime() - begun > RETRY_LIMIT_NANOS) {
                    throw e;
                }
                Thread.sleep(100);
            }
        }
    }

    /** Runs until it is killed, or told to end. */
    public static void main(String[] arguments) throws Exception {
        String name = arguments[0];
        List<String> urls = Arrays.asList(arguments).subList(2, arguments.length);
        Teller teller = new Teller(name);
        teller.tell("starting");
        Forge forge = start(name, urls);
        teller.tell("started");
        ChaosNode node = new ChaosNode(name, teller, forge);
        node.begin(urls);
        // Until here classes are loaded, which pins on every JDK.
        Footprint.watchPinned(teller);
        node.obey(Path.of(arguments[1]));
        System.exit(0);
    }

    private static Forge start(String name, List<String> urls) throws InterruptedException {
        DatabaseConfig database = DatabaseConfig.builder(urls.getFirst())
                .primaryUrls(urls)
                .replicaUrls(urls)
                .readFromReplica(true)
                .replicaPoolSize(REPLICA_POOL)
                .replicaOptions(ReplicaOptions.builder()
                        .maxLag(MAX_LAG)
                        .maxPrimaryReadShare(2)
                        .atStart(ReplicaStart.OPTIONAL)
                        .build())
                .poolSize(POOL)
                .poolTimeout(POOL_TIMEOUT)
                .connectTimeout(Duration.ofSeconds(2))
                .idleTimeout(IDLE)
                .slowStatementThreshold(Duration.ZERO)
                .serviceName("chaos-" + name)
                .build();
        ForgeConfig config = ForgeConfig.builder(database)
                .migrations(ChaosSchema.MIGRATIONS)
                .channels(ChaosSchema.ORDERED, ChaosSchema.SOON)
                .roles(ChaosSchema.SWIFT)
                .leader(leader(Takeover.IMMEDIATE))
                .node(NodeConfig.builder()
                        .heartbeatInterval(Duration.ofSeconds(1))
                        .deadAfter(DEAD_AFTER)
                        .build())
                .nodeId(name)
                .retention(RETENTION)
                .build();
        long begun = System.nanoTime();
        while (true) {
            try {
                return Forge.start(config);
            } catch (ForgeStartException e) {
                if (System.nanoTime() - begun > START_LIMIT_NANOS) {
                    throw e;
                }
                Thread.sleep(200);
            }
        }
    }

    private static LeaderConfig leader(Takeover takeover) {
        return LeaderConfig.builder()
                .leaseDuration(LEASE)
                .checkInterval(Duration.ofMillis(500))
                .lockValidateInterval(Duration.ofMillis(300))
                .takeover(takeover)
                .build();
    }

    private void begin(List<String> urls) throws InterruptedException {
        ChangeUsers changes = new ChangeUsers(forge, teller);
        changes.track();
        LeaderElection swift = forge.election().orElseThrow();
        swift.whileLeader(ChaosSchema.SWIFT, leadership -> changes.consume());
        safe.start();
        Footprint.tell(forge, teller, "start");
        BusUsers bus = new BusUsers(forge, teller);
        bus.subscribe();
        copy.start();
        BankUsers bank = new BankUsers(forge, teller);
        List<String> ports = urls.stream()
                .map(url -> Integer.toString(URI.create(url).getPort()))
                .toList();
        ReadUsers reads = new ReadUsers(forge, teller, bank, ports);
        load.every(200, "bank-1", bank::transfer);
        load.every(200, "bank-2", bank::transfer);
        load.every(500, "settle", bank::settle);
        load.every(150, "session-1", sessions::use);
        load.every(150, "session-2", sessions::use);
        load.every(200, "beat", reads::beat);
        load.every(100, "read", reads::readBeats);
        load.every(200, "read-own", reads::readOwnWrite);
        load.every(120, "publish", bus::publish);
        load.every(250, "source-1", changes::writeSource);
        load.every(250, "source-2", changes::writeSource);
        load.every(200, "followed-1", changes::writeFollowed);
        load.every(200, "followed-2", changes::writeFollowed);
        for (LeaderUsers leader : List.of(
                new LeaderUsers(swift, ChaosSchema.SWIFT, teller), new LeaderUsers(safe, ChaosSchema.SAFE, teller))) {
            load.every(3, "sample", leader::sample);
            load.every(200, "lead", leader::write);
        }
        load.every(700, "nodes", this::tellNodes);
        load.every(500, "count", sessions::count);
        teller.tell("ready");
    }

    private void tellNodes() {
        long asked = System.nanoTime();
        String list = forge.nodes().nodes().stream()
                .map((NodeInfo node) -> node.nodeId() + ":" + node.status())
                .collect(Collectors.joining(","));
        teller.tell("nodes", "asked", asked, "list", list);
    }

    /** Lines that others append to a file: a pipe would be held open by whoever was started meanwhile. */
    private void obey(Path commands) throws IOException, InterruptedException {
        int done = 0;
        while (true) {
            List<String> lines = Files.exists(commands) ? Files.readAllLines(commands) : List.of();
            for (; done < lines.size(); done++) {
                String[] words = lines.get(done).split(" ");
                switch (words[0]) {
                    case "exhaust" ->
                        Thread.ofVirtual()
                                .name("chaos-exhaust")
                                .start(() -> sessions.exhaust(Long.parseLong(words[1])));
                    case "quiet" -> load.stop();
                    case "drain" -> copy.drain();
                    case "measure" -> Footprint.tell(forge, teller, "end");
                    case "end" -> {
                        end();
                        return;
                    }
                    default -> throw new IllegalArgumentException(lines.get(done));
                }
                teller.tell("did", "command", words[0]);
            }
            Thread.sleep(50);
        }
    }

    private void end() throws InterruptedException {
        safe.close();
        forge.close();
        io.forgeloom.testing.ThreadLeaks.assertNone(Duration.ofSeconds(5));
        teller.tell("ended");
        // The teller's thread is a daemon's.
        Thread.sleep(200);
    }

    @Override
    public String toString() {
        return name;
    }
}
