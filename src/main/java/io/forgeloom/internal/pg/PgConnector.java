package io.forgeloom.internal.pg;

import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.postgresql.PGProperty;

/**
 * Opens sessions with one server at a time, each under one deadline that covers name look-up, TCP, TLS and authentication.
 *
 * <p>The driver has a timeout for the TCP connect only; what follows waits for ever by default. So the connect runs on a
 * virtual thread of its own, and the deadline interrupts it: an interrupt closes the socket of a virtual thread, in
 * whatever read or write it is. (A name look-up is the exception: the JDK cannot interrupt it, and the caller waits until
 * it ends.) Safe for use by many threads.
 */
public final class PgConnector {

    private static final Driver DRIVER = new Driver();

    /** Of a chain of causes, which may be cyclic. */
    private static final int DEEPEST_CAUSE = 8;

    /**
     * Where sessions are opened.
     *
     * @param refusal why none is for now; null as a rule
     */
    private record Target(
            PgUrl url,
            Properties properties,
            boolean ownSockets,
            @Nullable String refusal) {}

    private volatile Target target;

    /**
     * @param url the server
     * @param applicationName what {@code pg_stat_activity} shows, unless the URL names another
     * @param settings run-time parameters that the server applies at start-up, so that RESET returns to them; they yield
     *     to those that the URL gives in {@code options}
     */
    public PgConnector(PgUrl url, String applicationName, Map<String, String> settings) {
        Properties properties = new Properties();
        PGProperty.APPLICATION_NAME.set(properties, applicationName);
        PGProperty.TCP_KEEP_ALIVE.set(properties, true);
        // Has the driver send its settings in the start-up message instead of in SETs after it: fewer round trips, and
        // RESET ALL returns to them. Any version from 9.0 on does it; an older server is found out by the version
        // check.
        PGProperty.ASSUME_MIN_SERVER_VERSION.set(properties, "18");
        url.properties().forEach(properties::setProperty);
        // With a login timeout, its own or DriverManager's, the driver connects on a thread that it abandons: ours
        // bounds all.
        PGProperty.LOGIN_TIMEOUT.set(properties, 0);
        StringBuilder options = new StringBuilder();
        settings.forEach(
                (name, value) -> options.append(" -c ").append(name).append('=').append(escape(value)));
        @Nullable String own = PGProperty.OPTIONS.getOrNull(properties);
        if (own != null) {
            options.append(' ').append(own);
        }
        if (!options.isEmpty()) {
            PGProperty.OPTIONS.set(properties, options.toString().strip());
        }
        boolean ownSockets = PGProperty.SOCKET_FACTORY.getOrNull(properties) == null && driverSeesOurSockets();
        this.target = new Target(url, properties, ownSockets, null);
    }

    /** Name and version of the driver that is there: the constants of its class would be those that we were compiled with. */
    @SuppressWarnings("deprecation")
    public static String driverVersion() {
        return Driver.getVersion();
    }

    /** The server's address; prints no secret. The very object that {@link PgSession#address()} of its sessions is. */
    public PgUrl url() {
        return target.url;
    }

    /** From now on opens sessions where {@code other} does; a connect that is under way is not touched. */
    public void aim(PgConnector other) {
        target = other.target;
    }

    /** From now on every connect fails with {@code why}, without asking any server, until the next {@link #aim}. */
    public void refuse(String why) {
        Target now = target;
        target = new Target(now.url, now.properties, now.ownSockets, why);
    }

    /**
     * Opens one session.
     *
     * @throws SQLTimeoutException if there was none by the deadline
     * @throws SQLException what the server or the network said
     * @throws InterruptedException if this thread was interrupted; nothing stays open
     */
    public PgSession connect(Deadline deadline) throws SQLException, InterruptedException {
        Target to = target;
        if (to.refusal != null) {
            throw new SQLException(to.refusal, SqlState.READ_ONLY);
        }
        long limitMillis = deadline.remaining().plusNanos(999_999).toMillis();
        AtomicReference<PgSession> opened = new AtomicReference<>();
        boolean handedOver = false;
        try {
            try (TaskScope scope = TaskScope.open("forgeloom-connect", deadline)) {
                var session = scope.fork("forgeloom-connect-" + to.url.hosts().get(0), () -> {
                    PgSession result = open(to);
                    opened.set(result);
                    return result;
                });
                scope.join();
                handedOver = true;
                return session.get();
            }
        } catch (ExecutionException e) {
            throw e.getCause() instanceof SQLException sql ? sql : new SQLException(e.getCause());
        } catch (TimeoutException e) {
            throw new SQLTimeoutException(
                    "No session with " + to.url + " within " + limitMillis + " ms"
                            + " (name look-up, TCP, TLS and authentication together)",
                    "08001",
                    e);
        } finally {
            // The connect may have succeeded in the instant in which the deadline passed or this thread was
            // interrupted.
            @Nullable PgSession orphan = handedOver ? null : opened.get();
            if (orphan != null) {
                orphan.abort();
            }
        }
    }

    private static PgSession open(Target to) throws SQLException {
        Properties copy = new Properties();
        copy.putAll(to.properties);
        Wire wire = Wire.create();
        try {
            if (to.ownSockets) {
                PGProperty.SOCKET_FACTORY.set(copy, WireSocketFactory.class.getName());
                PGProperty.SOCKET_FACTORY_ARG.set(copy, wire.key());
            }
            @Nullable Connection connection = DRIVER.connect(to.url.jdbcAddress(), copy);
            if (connection == null) {
                throw new SQLException("The driver does not accept the address of " + to.url, "08001");
            }
            wire.opened();
            PgSession session = new PgSession(connection, wire, to.url);
            try {
                session.readBackend();
            } catch (SQLException e) {
                session.abort();
                throw e;
            }
            return session;
        } finally {
            wire.forget();
        }
    }

    /**
     * Whether sessions can be watched: not if the URL names a socket factory of its own, nor if the driver, loaded by a
     * class loader above ours, cannot see ours.
     */
    public boolean watchable() {
        return target.ownSockets;
    }

    /**
     * Whether a connect failed since nobody listens at the address, or since the server said that it starts or shuts down:
     * no session began there, and an attempt soon may well succeed.
     */
    public static boolean foundNobody(@Nullable Throwable failure) {
        return wasRefused(failure) || SqlState.CANNOT_CONNECT_NOW.equals(SqlState.of(failure));
    }

    private static boolean wasRefused(@Nullable Throwable failure) {
        Throwable cause = failure;
        for (int depth = 0; cause != null && depth < DEEPEST_CAUSE; depth++) {
            if (cause instanceof ConnectException) {
                return true;
            }
            cause = cause.getCause();
        }
        return false;
    }

    /**
     * Whether nobody listens still, at any host, after a connect that failed with {@code failure}. Asks with a bare socket,
     * for a tenth of what the driver's attempt costs; where anything else comes of it, the driver is to tell.
     *
     * @throws InterruptedException if this thread was interrupted
     */
    public boolean isStillRefused(SQLException failure, Deadline deadline) throws InterruptedException {
        Target to = target;
        if (!to.ownSockets || to.refusal != null || !wasRefused(failure)) {
            return false;
        }
        for (String host : to.url.hosts()) {
            int colon = host.lastIndexOf(':');
            try (Socket socket = new Socket()) {
                socket.connect(
                        new InetSocketAddress(host.substring(0, colon), Integer.parseInt(host.substring(colon + 1))),
                        Math.clamp(deadline.remaining().toMillis(), 1, Integer.MAX_VALUE));
                return false;
            } catch (ConnectException e) {
                // As expected.
            } catch (IOException | IllegalArgumentException e) {
                if (Thread.interrupted()) {
                    throw (InterruptedException) new InterruptedException().initCause(e);
                }
                return false;
            }
        }
        return true;
    }

    private static boolean driverSeesOurSockets() {
        Class<?> ours = WireSocketFactory.class;
        try {
            return ours.getModule().isOpen(ours.getPackageName(), Driver.class.getModule())
                    && Class.forName(ours.getName(), false, Driver.class.getClassLoader()) == ours;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    /** The server splits {@code options} at white space that no backslash precedes. */
    private static String escape(String value) {
        return value.replace("\\", "\\\\").replace(" ", "\\ ");
    }

    @Override
    public String toString() {
        return target.url.toString();
    }
}
