package io.forgeloom.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Ports for servers of the kit. Safe for use by many threads.
 *
 * <p>Never from the range that the kernel gives to outgoing connections (from 32768 on Linux): a client that keeps
 * trying a killed server on such a port of its own machine one day gets the same port for its end, connects to itself,
 * and keeps the server from coming back.
 */
final class Ports {

    private static final int LOWEST = 15_000;
    private static final int BOUND = 32_000;
    private static final int ATTEMPTS = 100;

    private Ports() {}

    /** A port that was free a moment ago. Another process may be faster: whoever binds it must be ready to retry. */
    static int free() {
        for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
            int port = ThreadLocalRandom.current().nextInt(LOWEST, BOUND);
            try (ServerSocket probe = new ServerSocket()) {
                probe.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
                return port;
            } catch (IOException taken) {
                // Another one then.
            }
        }
        throw new IllegalStateException(
                "no free port between " + LOWEST + " and " + (BOUND - 1) + " in " + ATTEMPTS + " attempts");
    }
}
