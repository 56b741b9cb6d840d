package io.forgeloom.migrate;

import io.forgeloom.testing.TestServer;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The simple query protocol without a driver, which would split the text by its own rules first. Many queries go out
 * before the first answer is read. Only for a server that asks for no password. Confined to one thread.
 */
final class SimpleQueries implements AutoCloseable {

    /**
     * What the server said to one query.
     *
     * @param results one for each CommandComplete: its tag and the values of its rows
     * @param error SQLSTATE and message, or null
     */
    record Answer(List<String> results, @Nullable String error) {}

    private static final int PROTOCOL = 3 << 16;

    private final Socket socket;
    private final DataInputStream in;
    private final OutputStream out;

    SimpleQueries(TestServer server) throws IOException {
        socket = new Socket(server.host(), server.port());
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(30_000);
        in = new DataInputStream(new BufferedInputStream(socket.getInputStream(), 1 << 16));
        out = socket.getOutputStream();
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        new DataOutputStream(body).writeInt(PROTOCOL);
        for (String part : List.of("user", server.user(), "database", server.database(), "client_encoding", "UTF8")) {
            body.write(part.getBytes(StandardCharsets.UTF_8));
            body.write(0);
        }
        body.write(0);
        DataOutputStream start = new DataOutputStream(out);
        start.writeInt(body.size() + 4);
        body.writeTo(start);
        answer();
    }

    /** The answers to the queries, in their order. */
    List<Answer> send(List<String> queries) throws IOException {
        ByteArrayOutputStream messages = new ByteArrayOutputStream();
        DataOutputStream data = new DataOutputStream(messages);
        for (String query : queries) {
            byte[] text = query.getBytes(StandardCharsets.UTF_8);
            if (!new String(text, StandardCharsets.UTF_8).equals(query)) {
                throw new IOException("the server would get another text: it has half of a surrogate pair: " + query);
            }
            data.write('Q');
            data.writeInt(text.length + 5);
            data.write(text);
            data.write(0);
        }
        messages.writeTo(out);
        List<Answer> answers = new ArrayList<>();
        for (int i = 0; i < queries.size(); i++) {
            answers.add(answer());
        }
        return answers;
    }

    /** Everything up to ReadyForQuery. */
    private Answer answer() throws IOException {
        List<String> results = new ArrayList<>();
        StringBuilder rows = new StringBuilder();
        @Nullable String error = null;
        while (true) {
            int type = in.readUnsignedByte();
            byte[] body = in.readNBytes(in.readInt() - 4);
            String text = new String(body, StandardCharsets.UTF_8);
            switch (type) {
                case 'D' -> rows.append(text);
                case 'C' -> {
                    results.add(text + rows);
                    rows.setLength(0);
                }
                case 'E' -> error = error(text);
                case 'R' -> {
                    if (new DataInputStream(new ByteArrayInputStream(body)).readInt() != 0) {
                        throw new IOException("the server asks for a password");
                    }
                }
                case 'Z' -> {
                    return new Answer(results, error);
                }
                default -> {
                    // Descriptions of rows, parameters, notices, an empty query.
                }
            }
        }
    }

    private static String error(String fields) {
        StringBuilder error = new StringBuilder();
        for (String field : fields.split("\0")) {
            if (field.startsWith("C") || field.startsWith("M")) {
                error.append(field.substring(1)).append(' ');
            }
        }
        return error.toString();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
