package io.forgeloom.testing.chaos;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Writes the history of a node to its standard output: each line by one thread and flushed, so that a kill loses at most
 * what was told in the last moment. Safe for use by many threads.
 */
final class Teller {

    private final String node;
    private final LinkedBlockingQueue<Line> lines = new LinkedBlockingQueue<>();

    Teller(String node) {
        this.node = node;
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        Thread.ofPlatform().name("chaos-teller").daemon().start(() -> write(out));
    }

    private void write(PrintStream out) {
        try {
            while (true) {
                out.print(lines.take().text() + "\n");
                if (lines.isEmpty()) {
                    out.flush();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    String node() {
        return node;
    }

    void tell(String event, Object... pairs) {
        lines.add(Line.now(node, event, pairs));
    }

    /** Of an earlier moment. */
    void tellAt(long nanos, String event, Object... pairs) {
        lines.add(Line.at(nanos, node, event, pairs));
    }
}
