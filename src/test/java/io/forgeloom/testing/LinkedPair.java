package io.forgeloom.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One connection of a {@link FaultyLink}: the client's socket and ours to the server, with a thread for each direction.
 * Safe for use by many threads.
 */
final class LinkedPair {

    private static final long UNLIMITED = Long.MAX_VALUE;
    private static final int CONNECT_TIMEOUT_MILLIS = 5_000;

    private final FaultyLink link;
    private final Socket client;
    private final Socket server = new Socket();

    /** Counts the directions that came to their end; at 2 the sockets are closed. */
    private final AtomicInteger ended = new AtomicInteger();

    private final AtomicLong toClientLeft = new AtomicLong(UNLIMITED);
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile boolean lost;

    LinkedPair(FaultyLink link, Socket client) {
        this.link = link;
        this.client = client;
    }

    /** From now on what arrives is not passed on, nor is the end of either side; the sockets stay open. */
    void lose() {
        lost = true;
    }

    boolean isLost() {
        return lost;
    }

    void stallAfter(int bytes) {
        toClientLeft.set(bytes);
    }

    void connectAndPump() {
        try {
            client.setTcpNoDelay(true);
            server.setTcpNoDelay(true);
            server.connect(
                    new InetSocketAddress(link.target().host(), link.target().port()), CONNECT_TIMEOUT_MILLIS);
        } catch (IOException e) {
            reset();
            return;
        }
        link.run("down", () -> pump(server, client, link.toClient(), toClientLeft));
        pump(client, server, link.toServer(), new AtomicLong(UNLIMITED));
    }

    private void pump(Socket from, Socket to, AtomicLong counter, AtomicLong budget) {
        byte[] buffer = new byte[64 * 1024];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int read = in.read(buffer); read >= 0 && !lost; read = in.read(buffer)) {
                if (over.await(link.delayNanos(), TimeUnit.NANOSECONDS)) {
                    return;
                }
                // Taken before the write: what is set once a client has this answer is for the next one.
                int length = read;
                long left = budget.getAndUpdate(now -> now == UNLIMITED ? now : Math.max(0, now - length));
                int passed = (int) Math.min(length, left);
                if (!lost) {
                    // Counted first: whoever has received the bytes finds them in the count.
                    counter.addAndGet(passed);
                    out.write(buffer, 0, passed);
                }
                if (left <= length) {
                    lose();
                }
            }
            if (!lost) {
                to.shutdownOutput();
                if (ended.incrementAndGet() == 2) {
                    end();
                }
            }
        } catch (IOException e) {
            if (!lost) {
                reset();
            }
        } catch (InterruptedException e) {
            // Nobody interrupts these threads; if someone does, the connection is of no use any more.
            reset();
        }
    }

    /** Both ends get a reset instead of an orderly end. */
    void reset() {
        for (Socket socket : List.of(client, server)) {
            try {
                socket.setSoLinger(true, 0);
            } catch (IOException closed) {
                // Then there is nothing left to reset.
            }
        }
        end();
    }

    private void end() {
        over.countDown();
        FaultyLink.close(client);
        FaultyLink.close(server);
        link.ended(this);
    }
}
