package io.forgeloom.testing;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * A proxy that reads what clients say to the server: each simple query and each {@code Sync} is one round trip, with the
 * statements that were part of it. Safe for use by many threads.
 */
public final class MessageCount implements TestServer, AutoCloseable {

    /** From 2^16 × 1234: a request before the start-up message, such as for TLS, which the start-up message follows. */
    private static final int REQUESTS = 1234 << 16;

    private final TestServer target;
    private final ServerSocket listener;
    private final ConcurrentLinkedQueue<String> roundTrips = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<Socket> sockets = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<Thread> threads = new ConcurrentLinkedQueue<>();

    public MessageCount(TestServer target) throws IOException {
        this.target = target;
        listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        run(this::accept);
    }

    /** The round trips since the last call, by the beginnings of their statements. */
    public List<String> take() {
        List<String> taken = new ArrayList<>();
        for (String next = roundTrips.poll(); next != null; next = roundTrips.poll()) {
            taken.add(next);
        }
        return taken;
    }

    @Override
    public String host() {
        return "127.0.0.1";
    }

    @Override
    public int port() {
        return listener.getLocalPort();
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

    @Override
    public void close() throws IOException {
        listener.close();
        for (Socket socket : sockets) {
            socket.close();
        }
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                // They end all the same: their sockets are closed.
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private interface Task {
        void run() throws IOException;
    }

    private void run(Task task) {
        threads.add(Thread.ofVirtual().name("message-count").start(() -> {
            try {
                task.run();
            } catch (IOException e) {
                // One side is gone; the other has its socket closed by then.
            }
        }));
    }

    private void accept() throws IOException {
        while (true) {
            Socket client = listener.accept();
            Socket server = new Socket(target.host(), target.port());
            sockets.addAll(List.of(client, server));
            client.setTcpNoDelay(true);
            server.setTcpNoDelay(true);
            run(() -> {
                try (client;
                        server) {
                    server.getInputStream().transferTo(client.getOutputStream());
                }
            });
            run(() -> {
                try (client;
                        server) {
                    forward(client.getInputStream(), server.getOutputStream());
                }
            });
        }
    }

    private void forward(InputStream from, OutputStream to) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(from));
        int code;
        do {
            byte[] message = message(in, -1);
            code = ByteBuffer.wrap(message).getInt(4);
            to.write(message);
        } while (code >> 16 == REQUESTS >> 16);
        StringBuilder statements = new StringBuilder();
        for (int type = in.read(); type >= 0; type = in.read()) {
            byte[] message = message(in, type);
            if (type == 'Q') {
                roundTrips.add(text(message, 5));
            } else if (type == 'P') {
                statements.append(text(message, 5 + text(message, 5).length() + 1));
            } else if (type == 'S') {
                roundTrips.add(statements.toString());
                statements.setLength(0);
            }
            to.write(message);
        }
    }

    /** With its type, unless that is negative, and its length. */
    private static byte[] message(DataInputStream in, int type) throws IOException {
        int length = in.readInt();
        int head = type < 0 ? 0 : 1;
        ByteBuffer message = ByteBuffer.allocate(head + length);
        if (type >= 0) {
            message.put((byte) type);
        }
        message.putInt(length);
        in.readFully(message.array(), head + 4, length - 4);
        return message.array();
    }

    /** Up to a NUL. */
    private static String text(byte[] message, int from) {
        int end = from;
        while (message[end] != 0) {
            end++;
        }
        return new String(Arrays.copyOfRange(message, from, end), StandardCharsets.UTF_8);
    }
}
