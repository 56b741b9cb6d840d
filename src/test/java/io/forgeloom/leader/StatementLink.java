package io.forgeloom.leader;

import io.forgeloom.testing.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A proxy that knows where a statement begins: it does something wrong at one that it was armed for, once. What answers is
 * the server, always: an error is one of its own, for a statement that was put in front. Safe for use by many threads.
 */
final class StatementLink implements TestServer, AutoCloseable {

    /** What is done at a statement. */
    enum Fault {
        /** The server answers with an error. */
        ERROR,
        /** The connection is reset before the server has the statement. */
        LOST,
        /** The server has done it, and the connection is reset instead of its answer. */
        UNANSWERED,
        /** The server ends the session when it comes to the statement. */
        TERMINATED
    }

    /**
     * Where it is done.
     *
     * @param part a piece of the text that no other message has
     * @param index in front of which of the statements of one text; the last one is behind them all, before the commit
     */
    record Point(Fault fault, String part, int index) {}

    private final TestServer target;
    private final ServerSocket listener;
    private final AtomicReference<@Nullable Point> armed = new AtomicReference<>();
    private final Set<Pair> pairs = ConcurrentHashMap.newKeySet();
    private volatile UnaryOperator<String> rewriting = UnaryOperator.identity();

    /** What the link itself got wrong, after which its connections hang as on a dead network; {@link #close} tells. */
    private final AtomicReference<@Nullable RuntimeException> broken = new AtomicReference<>();

    StatementLink(TestServer target) {
        this.target = target;
        try {
            this.listener = new ServerSocket(0, 128, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        run("accept", this::accept);
    }

    /** Once, at the next such statement of any connection. */
    void arm(Point point) {
        armed.set(point);
    }

    boolean isArmed() {
        return armed.get() != null;
    }

    void disarm() {
        armed.set(null);
    }

    /** What becomes of texts that are sent as they are, until the next call. */
    void rewrite(UnaryOperator<String> rewriting) {
        this.rewriting = rewriting;
    }

    /** From now on nothing passes on the connections of now that have sent such a text; their sockets stay open. */
    void freeze(String part) {
        pairs.stream().filter(pair -> pair.texts.indexOf(part) >= 0).forEach(pair -> pair.frozen = true);
    }

    /** No new connections, and an end to those that are not frozen. */
    void refuse() {
        close(listener);
        pairs.stream().filter(pair -> !pair.frozen).forEach(Pair::reset);
    }

    private void accept() {
        while (true) {
            try {
                Socket client = listener.accept();
                Pair pair = new Pair(client, new Socket(target.host(), target.port()));
                pairs.add(pair);
                run("up", pair::up);
                run("down", pair::down);
            } catch (IOException e) {
                return;
            }
        }
    }

    private void run(String role, Runnable task) {
        Thread.ofVirtual().name("statement-link-" + role).start(() -> {
            try {
                task.run();
            } catch (RuntimeException e) {
                broken.compareAndSet(null, e);
                throw e;
            }
        });
    }

    @Override
    public void close() {
        close(listener);
        pairs.forEach(Pair::reset);
        RuntimeException fault = broken.get();
        if (fault != null) {
            throw new AssertionError("the link itself failed", fault);
        }
    }

    private static void close(Closeable socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // It is closed for us.
        }
    }

    // ---- the server's face ----

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

    /** So that every byte of the server's belongs to a message with a type. */
    @Override
    public String url(String database) {
        return TestServer.super.url(database) + "&sslmode=disable&gssEncMode=disable";
    }

    /** One connection. */
    private final class Pair {
        private final Socket client;
        private final Socket server;

        /** Texts of named statements, which are sent once. */
        private final Map<String, String> named = new ConcurrentHashMap<>();

        /** All that was sent as text, for {@link #freeze}. */
        private final StringBuffer texts = new StringBuffer();

        private volatile boolean frozen;
        private volatile boolean swallow;
        private volatile int pid;

        Pair(Socket client, Socket server) throws IOException {
            this.client = client;
            this.server = server;
            client.setTcpNoDelay(true);
            server.setTcpNoDelay(true);
        }

        private void up() {
            try {
                DataInputStream in = new DataInputStream(client.getInputStream());
                OutputStream out = server.getOutputStream();
                int length = in.readInt();
                out.write(message(0, in.readNBytes(length - 4)));
                ByteArrayOutputStream batch = new ByteArrayOutputStream();
                StringBuilder text = new StringBuilder();
                while (true) {
                    int type = in.readUnsignedByte();
                    byte[] body = in.readNBytes(in.readInt() - 4);
                    if (type == 'Q') {
                        String sql = rewriting.apply(string(body, 0));
                        note(sql);
                        sendText(out, sql);
                        continue;
                    }
                    if (type == 'P') {
                        String name = string(body, 0);
                        String sql = string(body, name.length() + 1);
                        named.put(name, sql);
                        note(sql);
                    } else if (type == 'B') {
                        text.append(named.getOrDefault(
                                string(body, string(body, 0).length() + 1), ""));
                    }
                    batch.write(message(type, body));
                    if (type == 'S' || type == 'p' || type == 'X') {
                        sendBatch(out, text.toString(), batch.toByteArray());
                        batch.reset();
                        text.setLength(0);
                    }
                }
            } catch (IOException e) {
                if (!frozen) {
                    reset();
                }
            }
        }

        private void note(String sql) {
            if (texts.length() < 20_000) {
                texts.append(sql);
            }
        }

        private void sendText(OutputStream out, String sql) throws IOException {
            Point point = take(sql);
            String sent = sql;
            if (point != null && (point.fault == Fault.ERROR || point.fault == Fault.TERMINATED)) {
                List<String> statements = new ArrayList<>(List.of(sql.split(";")));
                statements.add(
                        point.index,
                        point.fault == Fault.ERROR ? "SELECT 1/0" : "SELECT pg_terminate_backend(pg_backend_pid())");
                sent = String.join(";", statements);
            }
            send(out, point, message('Q', (sent + "\0").getBytes(StandardCharsets.UTF_8)));
        }

        private void sendBatch(OutputStream out, String text, byte[] batch) throws IOException {
            Point point = take(text);
            if (point != null && point.fault == Fault.ERROR) {
                // Whatever follows up to the Sync is skipped.
                out.write(message('P', "\0an error\0\0\0".getBytes(StandardCharsets.UTF_8)));
            } else if (point != null && point.fault == Fault.TERMINATED) {
                try {
                    target.execute("SELECT pg_terminate_backend(" + pid + ", 5000)");
                } catch (SQLException e) {
                    throw new IOException(e);
                }
            }
            send(out, point, batch);
        }

        private void send(OutputStream out, @Nullable Point point, byte[] message) throws IOException {
            if (point != null && point.fault == Fault.LOST) {
                reset();
            } else {
                swallow = point != null && point.fault == Fault.UNANSWERED;
                if (!frozen) {
                    out.write(message);
                }
            }
        }

        private @Nullable Point take(String text) {
            Point point = armed.get();
            // Only what an election's session says, which begins so.
            return point != null
                            && texts.indexOf("to_regclass") >= 0
                            && text.contains(point.part)
                            && armed.compareAndSet(point, null)
                    ? point
                    : null;
        }

        private void down() {
            try {
                DataInputStream in = new DataInputStream(server.getInputStream());
                OutputStream out = client.getOutputStream();
                while (true) {
                    int type = in.readUnsignedByte();
                    byte[] body = in.readNBytes(in.readInt() - 4);
                    if (type == 'K') {
                        pid = ByteBuffer.wrap(body).getInt();
                    }
                    if (swallow && type == 'Z') {
                        reset();
                    } else if (!swallow && !frozen) {
                        out.write(message(type, body));
                    }
                }
            } catch (IOException e) {
                if (!frozen) {
                    reset();
                }
            }
        }

        private void reset() {
            for (Socket socket : List.of(client, server)) {
                try {
                    socket.setSoLinger(true, 0);
                } catch (IOException e) {
                    // It is closed already.
                }
                StatementLink.close(socket);
            }
            pairs.remove(this);
        }

        /** @param type 0 for the first message, which has none */
        private static byte[] message(int type, byte[] body) {
            ByteBuffer buffer = ByteBuffer.allocate(body.length + (type == 0 ? 4 : 5));
            if (type != 0) {
                buffer.put((byte) type);
            }
            return buffer.putInt(body.length + 4).put(body).array();
        }

        private static String string(byte[] body, int from) {
            int end = from;
            while (body[end] != 0) {
                end++;
            }
            return new String(body, from, end - from, StandardCharsets.UTF_8);
        }
    }
}
