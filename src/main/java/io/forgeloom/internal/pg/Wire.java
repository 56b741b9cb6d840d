package io.forgeloom.internal.pg;

import io.forgeloom.internal.pg.WireSocketFactory.WireSocket;
import java.io.IOException;
import java.net.SocketException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What goes over the network between the driver and one session, as far as it tells a dead network from a slow query:
 * since when the driver has been inside a read or a write, and how much of what was sent is without an answer. It also
 * counts the cancel requests, for which the driver opens sockets of their own, and those that were seen through.
 *
 * <p>The driver's thread writes, a watching thread reads. Safe for use by many threads.
 */
final class Wire {

    // The driver takes a factory by class name and one string, so each session's wire waits under a key of its own
    // while the session is being opened.
    private static final Map<String, Wire> OPENING = new ConcurrentHashMap<>();
    private static final AtomicLong KEYS = new AtomicLong();

    /** {@link #blockedSince} of a wire that was cut; no reading of the clock that matters. */
    private static final long CUT = Long.MIN_VALUE;

    private final String key = Long.toString(KEYS.incrementAndGet());

    /** {@link System#nanoTime()} at which the driver entered the read or write that it is in; 0 while in none; or CUT. */
    private final AtomicLong blockedSince = new AtomicLong();

    /** Bytes sent since the last one received. */
    private final AtomicLong unanswered = new AtomicLong();

    /** Reads and writes that came to an end. */
    private final AtomicLong exchanges = new AtomicLong();

    private final AtomicInteger cancelsSent = new AtomicInteger();
    private final AtomicInteger cancelsAnswered = new AtomicInteger();

    /** The session's socket; while the session is being opened, the last one tried. */
    private volatile @Nullable WireSocket socket;

    private volatile boolean opened;

    /** Whether the driver waits for notifications; of its thread alone. */
    private boolean listening;

    /** A wire that {@link WireSocketFactory} finds by {@link #key()} until {@link #opened()} or {@link #forget()}. */
    static Wire create() {
        Wire wire = new Wire();
        OPENING.put(wire.key, wire);
        return wire;
    }

    static Wire opening(String key) {
        Wire wire = OPENING.get(key);
        if (wire == null) {
            throw new IllegalArgumentException("no session is being opened as " + key);
        }
        return wire;
    }

    String key() {
        return key;
    }

    /** The last socket made is the session's; those to come carry cancel requests. */
    void opened() {
        opened = true;
    }

    void forget() {
        OPENING.remove(key);
    }

    // ---- what the sockets report ----

    void created(WireSocket made) {
        if (opened) {
            cancelsSent.incrementAndGet();
        } else {
            socket = made;
        }
    }

    void entered(WireSocket into) {
        // A cut stands: the driver may try once more on the closed socket.
        if (into == socket && blockedSince.getOpaque() != CUT) {
            long now = System.nanoTime();
            blockedSince.setRelease(now == 0 ? 1 : now);
        }
    }

    /** Throws if the wire was cut meanwhile: what was read in that instant must not count, or the cut would hit another. */
    void left(WireSocket from) throws SocketException {
        if (from != socket) {
            return;
        }
        exchanges.setOpaque(exchanges.getOpaque() + 1);
        if (blockedSince.getAndSet(0) == CUT) {
            blockedSince.set(CUT);
            throw new SocketException("cut, because the network is dead");
        }
    }

    void sending(WireSocket to, int bytes) {
        if (to == socket) {
            unanswered.setOpaque(unanswered.getOpaque() + bytes);
        }
    }

    /** The server ends the connection of a cancel request after it has sent the signal: that end is its only answer. */
    void received(WireSocket from, int count) {
        if (from == socket) {
            if (count > 0) {
                unanswered.setOpaque(0);
            }
        } else if (count < 0) {
            cancelsAnswered.incrementAndGet();
        }
    }

    /** From now on the driver waits for notifications, or does not any more. The driver's thread. */
    void listening(boolean on) {
        listening = on;
    }

    boolean isListening() {
        return listening;
    }

    // ---- what a watching thread asks and does ----

    /** Since when the driver has been in one read or write, {@link System#nanoTime()}; 0 if it is in none. */
    long blockedSince() {
        long since = blockedSince.get();
        return since == CUT ? 0 : since;
    }

    long unanswered() {
        return unanswered.getOpaque();
    }

    long exchanges() {
        return exchanges.getOpaque();
    }

    /** Whether bytes have arrived that the driver has not taken yet: then it is slow, not the network. */
    boolean hasUnread() {
        WireSocket open = socket;
        try {
            return open != null && open.getInputStream().available() > 0;
        } catch (IOException e) {
            return false;
        }
    }

    /** Ends the read or write that the driver has been in since then; false if it has left that one. */
    boolean cut(long since) {
        if (since == 0 || !blockedSince.compareAndSet(since, CUT)) {
            return false;
        }
        close();
        return true;
    }

    /** Closes the TCP connection below any TLS, whose own goodbye could hang on a dead network. */
    void close() {
        WireSocket open = socket;
        if (open != null) {
            try {
                open.close();
            } catch (IOException e) {
                // The descriptor is gone all the same.
            }
        }
    }

    int cancelsSent() {
        return cancelsSent.get();
    }

    int cancelsAnswered() {
        return cancelsAnswered.get();
    }
}
