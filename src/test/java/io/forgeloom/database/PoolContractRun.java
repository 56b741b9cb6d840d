package io.forgeloom.database;

import io.forgeloom.database.PoolContract.Case;
import io.forgeloom.database.PoolContract.Step;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Runs one case of the contract on a pool of its own, behind a link of its own. A step that turns out otherwise than the
 * case says, an event too many or too few, or a pool that does not add up at the end is an {@link AssertionError} that
 * names file, line and step. Confined to one thread, but for the steps that the case gives to others.
 */
final class PoolContractRun implements AutoCloseable {

    /** What a case may say of its pool: the options of {@link DatabaseConfig.Builder} by their names. */
    static final Map<String, BiConsumer<DatabaseConfig.Builder, String>> OPTIONS = new TreeMap<>(Map.ofEntries(
            Map.entry("poolSize", (builder, value) -> builder.poolSize(Integer.parseInt(value))),
            Map.entry("minPoolSize", (builder, value) -> builder.minPoolSize(Integer.parseInt(value))),
            Map.entry("maxConnecting", (builder, value) -> builder.maxConnecting(Integer.parseInt(value))),
            Map.entry("maxWaiters", (builder, value) -> builder.maxWaiters(Integer.parseInt(value))),
            Map.entry("poolTimeout", (builder, value) -> builder.poolTimeout(PoolContract.duration(value))),
            Map.entry("connectTimeout", (builder, value) -> builder.connectTimeout(PoolContract.duration(value))),
            Map.entry("idleTimeout", (builder, value) -> builder.idleTimeout(PoolContract.duration(value))),
            Map.entry("maxLifetime", (builder, value) -> builder.maxLifetime(PoolContract.duration(value))),
            Map.entry("keepaliveInterval", (builder, value) -> builder.keepaliveInterval(PoolContract.duration(value))),
            Map.entry("leakThreshold", (builder, value) -> builder.leakThreshold(PoolContract.duration(value))),
            Map.entry("validateAfterIdle", (builder, value) -> builder.validateAfterIdle(PoolContract.duration(value))),
            Map.entry(
                    "testBeforeAcquire", (builder, value) -> builder.testBeforeAcquire(Boolean.parseBoolean(value)))));

    /** What a case may count; see {@link #count}. */
    static final List<String> COUNTS = List.of(
            "idle",
            "active",
            "total",
            "waiting",
            "connecting",
            "opened",
            "closed",
            "refused",
            "dedicated",
            "connects",
            "rows");

    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Pattern CHECK = Pattern.compile("([a-z]+)(=|<=|>=)([0-9]+)");

    /** Made by the first `begin` of a case; whoever uses the database for another case drops it. */
    static final String TABLE = "public.contract";

    private final Case contract;
    private final TestServer server;
    private final FaultyLink link;
    private final Database database;
    private final ConnectionPool pool;
    private final Map<String, ConnectionHandle> connections = new ConcurrentHashMap<>();
    private final Map<String, PoolContractThread> threads = new LinkedHashMap<>();
    private boolean closed;
    private boolean lostBytes;

    private PoolContractRun(Case contract, TestServer server, FaultyLink link) {
        this.contract = contract;
        this.server = server;
        this.link = link;
        DatabaseConfig.Builder config = DatabaseConfig.builder(link.url());
        contract.options().forEach((option, value) -> OPTIONS.get(option).accept(config, value));
        this.database = Database.open(config.build());
        this.pool = database.primary();
    }

    /** Runs a case. */
    static void run(Case contract, TestServer server) throws Exception {
        try (PoolContractEvents events = new PoolContractEvents();
                FaultyLink link = FaultyLink.to(server);
                PoolContractRun run = new PoolContractRun(contract, server, link)) {
            for (Step step : contract.steps()) {
                run.begin(step);
            }
            for (String name : run.threads.keySet()) {
                run.join(name);
            }
            events.compare(contract);
            run.requireConserved();
        }
    }

    // ---- steps ----

    private void begin(Step step) throws Exception {
        String name = step.thread();
        if (name == null) {
            perform(step);
            return;
        }
        FutureTask<Void> task = new FutureTask<>(() -> {
            perform(step);
            return null;
        });
        threads.computeIfAbsent(name, PoolContractThread::new).begin(task);
    }

    private void perform(Step step) throws Exception {
        long begin = System.nanoTime();
        String outcome = outcome(step);
        Duration took = Duration.ofNanos(System.nanoTime() - begin);
        String expected = step.outcome() == null ? "success" : step.outcome();
        if (!outcome.equals(expected)) {
            throw failure(step, "expected " + expected + ", was: " + outcome);
        }
        if (took.compareTo(step.least()) < 0 || took.compareTo(step.most()) > 0) {
            throw failure(step, "took " + took.toMillis() + " ms");
        }
    }

    /** What came of a step; in the words of the case where it came out as the case says. */
    private String outcome(Step step) throws Exception {
        String[] words = step.words();
        try {
            return switch (step.verb()) {
                case ACQUIRE -> acquire(step, words);
                case TRY_ACQUIRE -> tryAcquire(step, words);
                case DEDICATE -> taken(step, words[0], pool.acquireDedicated(words[2]));
                default -> {
                    act(step, words);
                    yield "success";
                }
            };
        } catch (AcquireException e) {
            boolean flagLost = e.reason() == AcquireException.Reason.INTERRUPTED && !Thread.interrupted();
            return "refused " + e.reason() + (flagLost ? ", and the interrupt flag is lost" : "");
        } catch (SQLException e) {
            String expected = String.valueOf(step.outcome());
            boolean meant = expected.startsWith("fails ")
                    && List.of(expected.substring("fails ".length()).split("\\|")).stream()
                            .anyMatch(state -> String.valueOf(e.getSQLState()).startsWith(state));
            return meant ? expected : "fails " + e.getSQLState() + ", " + e.getMessage();
        }
    }

    private String tryAcquire(Step step, String[] words) throws InterruptedException {
        Optional<Connection> taken = pool.tryAcquire();
        for (long begin = System.nanoTime();
                taken.isEmpty() && words.length > 1 && System.nanoTime() - begin < PATIENCE.toNanos();
                taken = pool.tryAcquire()) {
            Thread.sleep(1);
        }
        return taken.isPresent() ? taken(step, words[0], taken.get()) : "none";
    }

    private String acquire(Step step, String[] words) {
        List<String> modifiers = List.of(words);
        int within = modifiers.indexOf("within");
        if (modifiers.contains("interrupted")) {
            Thread.currentThread().interrupt();
        }
        return taken(
                step, words[0], within < 0 ? pool.acquire() : pool.acquire(PoolContract.duration(words[within + 1])));
    }

    /** Which session it is, said as the case says it if that is true. */
    private String taken(Step step, String name, Connection connection) {
        ConnectionHandle handle = (ConnectionHandle) connection;
        String expected = step.outcome() == null ? "success" : step.outcome();
        long number = handle.session().number;
        boolean met;
        if (expected.startsWith("same as ")) {
            met = number(step, expected.substring("same as ".length())) == number;
        } else if (expected.startsWith("other than ")) {
            met = List.of(expected.substring("other than ".length()).split(", ")).stream()
                    .allMatch(other -> number(step, other) != number);
        } else {
            met = expected.equals("success") || expected.equals("found");
        }
        // Only now, so that a name can be used again and compared with what it was.
        connections.put(name, handle);
        return met ? expected : "session " + number;
    }

    private long number(Step step, String name) {
        return handle(step, name).session().number;
    }

    private ConnectionHandle handle(Step step, String name) {
        ConnectionHandle handle = connections.get(name);
        if (handle == null) {
            throw failure(step, "no connection " + name + " was acquired");
        }
        return handle;
    }

    private void act(Step step, String[] words) throws Exception {
        switch (step.verb()) {
            case RELEASE -> handle(step, words[0]).close();
            case SQL -> execute(handle(step, words[0]), step.arguments().substring(words[0].length() + 1));
            case BEGIN -> {
                server.execute("CREATE TABLE IF NOT EXISTS " + TABLE + " (id int)");
                handle(step, words[0]).setAutoCommit(false);
                execute(handle(step, words[0]), "INSERT INTO " + TABLE + " VALUES (1)");
            }
            case ABORT -> handle(step, words[0]).abort(Runnable::run);
            case TERMINATE ->
                server.execute("SELECT pg_terminate_backend("
                        + handle(step, words[0]).session().session.backendPid() + ", 5000)");
            case SPIKE -> spike(Integer.parseInt(words[0]), PoolContract.duration(words[3]));
            case INTERRUPT -> thread(words[0]).interrupt(PATIENCE);
            case JOIN -> join(words[0]);
            case LINK -> link(words);
            case AWAIT -> await(step, words);
            case CHECK -> {
                String wrong = wrong(words);
                if (!wrong.isEmpty()) {
                    throw failure(step, wrong);
                }
            }
            case PAUSE -> Thread.sleep(PoolContract.duration(words[0]));
            case CLOSE -> {
                closed = true;
                database.close(PoolContract.duration(words[1]));
            }
            default -> throw failure(step, "cannot be done");
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private void spike(int users, Duration hold) throws Exception {
        List<FutureTask<Void>> all = new ArrayList<>();
        for (int i = 0; i < users; i++) {
            Callable<Void> use = () -> {
                try (Connection connection = pool.acquire()) {
                    connection.getAutoCommit();
                    Thread.sleep(hold);
                    return null;
                }
            };
            FutureTask<Void> task = new FutureTask<>(use);
            all.add(task);
            Thread.ofVirtual().name("contract-spike-" + i).start(task);
        }
        for (FutureTask<Void> task : all) {
            task.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void link(String[] words) {
        switch (words[0]) {
            case "cut" -> link.cut();
            case "refuse" -> link.refuse(true);
            case "drop" -> link.acceptAndDrop(true);
            case "delay" -> link.delay(PoolContract.duration(words[1]));
            case "heal" -> link.heal();
            default -> {
                lostBytes = true;
                link.blackhole(!words[1].equals("new"), !words[1].equals("old"));
            }
        }
    }

    private PoolContractThread thread(String name) {
        return Optional.ofNullable(threads.get(name)).orElseThrow(() -> new AssertionError("no thread " + name));
    }

    private void join(String name) throws Exception {
        try {
            thread(name).join(PATIENCE);
        } catch (TimeoutException e) {
            throw new AssertionError(
                    contract.file() + ": " + contract + ": " + e.getMessage() + " (" + pool.stats() + ")", e);
        }
    }

    // ---- counts ----

    private void await(Step step, String... checks) throws InterruptedException, SQLException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        for (String wrong = wrong(checks); !wrong.isEmpty(); wrong = wrong(checks)) {
            if (System.nanoTime() > deadline) {
                throw failure(step, "after " + PATIENCE.toMillis() + " ms " + wrong);
            }
            // The pool's own counts are the only signal for "is parked in the queue" and the like.
            Thread.sleep(1);
        }
    }

    /** What does not hold of some checks; empty if all hold. */
    private String wrong(String... checks) throws SQLException {
        PoolStats now = pool.stats();
        for (String check : checks) {
            Matcher matcher = CHECK.matcher(check);
            if (!matcher.matches()) {
                throw new IllegalArgumentException(check);
            }
            long value = count(matcher.group(1), now);
            long bound = Long.parseLong(matcher.group(3));
            boolean met = switch (matcher.group(2)) {
                case "=" -> value == bound;
                case "<=" -> value <= bound;
                default -> value >= bound;
            };
            if (!met) {
                return "expected " + check + ", was " + value;
            }
        }
        return "";
    }

    private long count(String name, PoolStats now) throws SQLException {
        return switch (name) {
            case "idle" -> now.idle();
            case "active" -> now.active();
            case "total" -> now.total();
            case "waiting" -> now.waiting();
            case "connecting" -> now.connecting();
            case "opened" -> now.opened();
            case "closed" -> now.closed();
            case "refused" -> now.refused();
            case "dedicated" -> now.dedicated().size();
            // Without the one over which the pool was started.
            case "connects" -> link.accepted() - 1;
            case "rows" -> Long.parseLong(String.valueOf(server.query("SELECT count(*) FROM " + TABLE)));
            default -> throw new IllegalArgumentException("no count " + name);
        };
    }

    // ---- at the end, always ----

    /** Nothing waits, nothing is lost: every place of the pool can be had, and what was opened was closed or is there. */
    private void requireConserved() throws Exception {
        Step end = new Step(
                contract.line(), "at the end", null, PoolContract.Verb.AWAIT, "", null, Duration.ZERO, PATIENCE);
        link.heal();
        if (lostBytes) {
            link.cut();
        }
        for (ConnectionHandle connection : connections.values()) {
            connection.release();
        }
        await(end, "waiting=0", "connecting=0", "active=0", "dedicated=0");
        PoolStats now = pool.stats();
        if (now.opened() - now.closed() != now.total() || now.total() > now.maxSize()) {
            throw failure(end, "opened " + now.opened() + ", closed " + now.closed() + " do not add up");
        }
        // Where nobody may wait, a place without a session cannot be had by asking for it.
        if (!closed && !"0".equals(contract.options().get("maxWaiters"))) {
            List<Connection> all = new ArrayList<>();
            for (int i = 0; i < now.maxSize(); i++) {
                all.add(pool.acquire(PATIENCE));
            }
            for (Connection connection : all) {
                connection.close();
            }
        }
        database.close(Duration.ZERO);
        await(end, "total=0", "connecting=0");
        if (pool.stats().opened() != pool.stats().closed()) {
            throw failure(
                    end,
                    "opened " + pool.stats().opened() + ", closed "
                            + pool.stats().closed());
        }
    }

    private AssertionError failure(Step step, String problem) {
        return new AssertionError(
                contract.file() + ":" + step.line() + ": " + step.text() + ": " + problem + " (" + pool.stats() + ")");
    }

    /** After a failure, too: whatever is held is given back, whoever waits is woken. */
    @Override
    public void close() {
        threads.values().forEach(PoolContractThread::end);
        connections.values().forEach(ConnectionHandle::release);
        database.close(Duration.ZERO);
        for (PoolContractThread thread : threads.values()) {
            thread.awaitEnd(PATIENCE);
        }
    }
}
