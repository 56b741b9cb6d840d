package io.forgeloom.testing;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A network that breaks on demand: a TCP proxy in front of a server. Its {@link #url()} is the server's, through the
 * link. Safe for use by many threads.
 *
 * <p>A fault lasts until {@link #heal()}, and works on bytes that are sent after the call. A connection that lost bytes
 * ({@link #blackhole}, {@link #stallInsideMessage}) never recovers, as with a firewall that forgot it: neither end sees
 * the other's bytes or its close. What such a connection holds at the server lasts until {@link #cut()} or {@link
 * #close()}.
 */
public final class FaultyLink implements TestServer, AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(10);

    /** What happens to a connection that arrives. */
    private enum Arrival {
        FORWARDED,
        /** The listening socket is closed: the kernel answers with a reset. */
        REFUSED,
        /** Accepted, and closed at once. */
        DROPPED,
        /** Accepted, and never answered. */
        SILENT
    }

    private final TestServer target;
    private final int port;
    private final AtomicLong accepted = new AtomicLong();
    private final AtomicLong bytesToServer = new AtomicLong();
    private final AtomicLong bytesToClient = new AtomicLong();
    private volatile Arrival arrival = Arrival.FORWARDED;
    private volatile long delayNanos;

    /** Guards what follows; never held during I/O that may block. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition changed = lock.newCondition();
    private final Set<LinkedPair> pairs = new LinkedHashSet<>();
    private final Set<Thread> threads = new LinkedHashSet<>();
    private @Nullable ServerSocket listener;
    private @Nullable Thread acceptor;
    private boolean closed;

    private FaultyLink(TestServer target) throws IOException {
        this.target = target;
        ServerSocket first = bindAnywhere();
        port = first.getLocalPort();
        listener = first;
        acceptor = run("accept", () -> acceptFrom(first));
    }

    /** A link to a server, a {@link TestDatabase} (whose database {@link #url()} then names) or another link. */
    public static FaultyLink to(TestServer target) {
        try {
            return new FaultyLink(target);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot listen for " + target, e);
        }
    }

    /** A link to a port; {@link #user()} is {@code postgres}, without a password. */
    public static FaultyLink to(String host, int port) {
        return to(new ExternalServer(host, port, PostgresServer.SUPERUSER, null, "postgres", ""));
    }

    @Override
    public String host() {
        return "127.0.0.1";
    }

    @Override
    public int port() {
        return port;
    }

    @Override
    public String user() {
        return target.user();
    }

    @Override
    public @Nullable String password() {
        return target.password();
    }

    @Override
    public String database() {
        return target.database();
    }

    /** Holds back what either side sends, so a round trip takes twice as long more; ZERO = off. */
    public void delay(Duration oneWay) {
        delayNanos = oneWay.toNanos();
    }

    /** Ends all current connections with a reset, to both sides; new ones are as before. */
    public void cut() {
        current().forEach(LinkedPair::reset);
    }

    /** As {@link #cut()}, but only connections that lost bytes: so that the server has not to keep them for ever. */
    public void cutLost() {
        current().stream().filter(LinkedPair::isLost).forEach(LinkedPair::reset);
    }

    /** Whether new connections are refused by the kernel, as if nobody listened. */
    public void refuse(boolean on) {
        arrivals(on ? Arrival.REFUSED : Arrival.FORWARDED);
    }

    /** Whether new connections are accepted and closed at once, as by a proxy without a server. */
    public void acceptAndDrop(boolean on) {
        arrivals(on ? Arrival.DROPPED : Arrival.FORWARDED);
    }

    /**
     * Lets the bytes of connections vanish while their sockets stay open.
     *
     * @param existing for those that are there now, for ever
     * @param newConnections for those to come, until {@link #heal()}: accepted, never answered; if false they are let
     *     through
     */
    public void blackhole(boolean existing, boolean newConnections) {
        arrivals(newConnections ? Arrival.SILENT : Arrival.FORWARDED);
        if (existing) {
            current().forEach(LinkedPair::lose);
        }
    }

    /**
     * Lets so many more bytes of the server through on each current connection, and then nothing, for ever: a client
     * without a network timeout waits until {@link #cut()}.
     */
    public void stallInsideMessage(int bytes) {
        current().forEach(pair -> pair.stallAfter(bytes));
    }

    /** Ends all faults for new connections, and the delay for all. */
    public void heal() {
        delayNanos = 0;
        arrivals(Arrival.FORWARDED);
    }

    /** Connections open now, forwarded, silent or stalled. */
    public int connections() {
        lock.lock();
        try {
            return pairs.size();
        } finally {
            lock.unlock();
        }
    }

    /** Connections accepted since the link was made. */
    public long accepted() {
        return accepted.get();
    }

    /** Bytes passed on to the server. */
    public long bytesToServer() {
        return bytesToServer.get();
    }

    /** Bytes passed on to clients. */
    public long bytesToClient() {
        return bytesToClient.get();
    }

    /** Waits until exactly so many connections are open; fails after the timeout. */
    public void awaitConnections(int count, Duration timeout) throws InterruptedException {
        long left = timeout.toNanos();
        lock.lock();
        try {
            while (pairs.size() != count) {
                if (left <= 0) {
                    throw new AssertionError(
                            pairs.size() + " connections instead of " + count + " after " + timeout.toMillis() + " ms");
                }
                left = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Resets all connections and stops listening; returns when no thread of the link is left. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            closeListener();
        } finally {
            lock.unlock();
        }
        cut();
        boolean interrupted = false;
        long deadline = System.nanoTime() + LIMIT.toNanos();
        lock.lock();
        try {
            while (!threads.isEmpty()) {
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    throw new IllegalStateException(
                            this + ": still running " + LIMIT.toSeconds() + " s after close: " + threads);
                }
                try {
                    changed.awaitNanos(left);
                } catch (InterruptedException e) {
                    // The threads end all the same: the sockets are closed.
                    interrupted = true;
                }
            }
        } finally {
            lock.unlock();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public String toString() {
        return "link on port " + port + " to " + target;
    }

    TestServer target() {
        return target;
    }

    long delayNanos() {
        return delayNanos;
    }

    AtomicLong toServer() {
        return bytesToServer;
    }

    AtomicLong toClient() {
        return bytesToClient;
    }

    void ended(LinkedPair pair) {
        lock.lock();
        try {
            pairs.remove(pair);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private List<LinkedPair> current() {
        lock.lock();
        try {
            return List.copyOf(pairs);
        } finally {
            lock.unlock();
        }
    }

    private void arrivals(Arrival now) {
        Thread ending = null;
        lock.lock();
        try {
            arrival = now;
            if (now == Arrival.REFUSED) {
                closeListener();
                ending = acceptor;
            } else if (listener == null && !closed) {
                ServerSocket again = bind(port);
                listener = again;
                acceptor = run("accept", () -> acceptFrom(again));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot listen on port " + port + " again", e);
        } finally {
            lock.unlock();
        }
        if (ending != null) {
            awaitEnd(ending);
        }
    }

    /** The kernel goes on listening until the thread inside accept() has left it. */
    private void awaitEnd(Thread ending) {
        try {
            if (!ending.join(LIMIT)) {
                throw new IllegalStateException(this + ": " + ending.getName() + " did not end within " + LIMIT);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void closeListener() {
        ServerSocket open = listener;
        listener = null;
        if (open != null) {
            close(open);
        }
    }

    private void acceptFrom(ServerSocket from) {
        while (true) {
            Socket client;
            try {
                client = from.accept();
            } catch (IOException closed) {
                return;
            }
            accepted.incrementAndGet();
            Arrival fate = arrival;
            if (fate == Arrival.FORWARDED || fate == Arrival.SILENT) {
                admit(client, fate == Arrival.SILENT);
            } else {
                close(client);
            }
        }
    }

    private void admit(Socket client, boolean silent) {
        LinkedPair pair = new LinkedPair(this, client);
        lock.lock();
        try {
            if (closed) {
                close(client);
                return;
            }
            pairs.add(pair);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        if (silent) {
            pair.lose();
        } else {
            run("up", pair::connectAndPump);
        }
    }

    /** Runs a task on a thread that {@link #close()} waits for. */
    Thread run(String role, Runnable task) {
        Thread thread = Thread.ofVirtual()
                .name("faulty-link-" + port + "-" + role)
                .unstarted(() -> {
                    try {
                        task.run();
                    } finally {
                        lock.lock();
                        try {
                            threads.remove(Thread.currentThread());
                            changed.signalAll();
                        } finally {
                            lock.unlock();
                        }
                    }
                });
        lock.lock();
        try {
            threads.add(thread);
        } finally {
            lock.unlock();
        }
        thread.start();
        return thread;
    }

    private static ServerSocket bindAnywhere() throws IOException {
        while (true) {
            try {
                return bind(Ports.free());
            } catch (BindException taken) {
                // By another process since the look; Ports gives up if nothing is free.
            }
        }
    }

    private static ServerSocket bind(int port) throws IOException {
        ServerSocket socket = new ServerSocket();
        try {
            socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 512);
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    static void close(Closeable socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // It is closed for us whatever the other end thinks.
        }
    }
}
