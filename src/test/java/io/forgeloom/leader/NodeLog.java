package io.forgeloom.leader;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * What an {@link ElectionNode} did, in a file that both it and its starter have in memory: what was written there is there
 * when the process has been killed, up to its last instant. One thread of the node writes reigns; all else is for many.
 *
 * <p>Times are {@link System#nanoTime()}, which is the system's monotonic clock on Linux and macOS, and so the same in
 * every process of a machine.
 */
public final class NodeLog {

    /** Numbers beside the reigns. */
    public enum Cell {
        REIGNS,
        /** Written by the starter: how often the node was asked to resign. */
        RESIGN_ASKED,
        /** When it began to resign the last time. */
        RESIGN_BEGUN,
        /** Written by the starter: 1 for statements of seconds in fenced transactions. */
        HOLD_ASKED,
        /** When such a transaction last passed its fence; 0 while none is open. */
        HOLD_BEGUN,
        WRITES,
        WRITES_REFUSED,
        WRITES_FAILED,
        /** By leaderships that do not know that they are over. */
        STALE_WRITES_ACCEPTED,
        STALE_WRITES_REFUSED
    }

    /**
     * A time during which a process said that it leads. It is a little shorter than the truth, never longer.
     *
     * @param from right after the first time that it said so
     * @param last right before the last time
     */
    public record Reign(String node, LeadershipToken token, long from, long last) {}

    private static final int FIRST = 16;
    private static final int FIELDS = 4;
    private static final int MOST = 8_192;
    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private final MappedByteBuffer memory;

    private NodeLog(MappedByteBuffer memory) {
        this.memory = memory;
    }

    /** The log in that file, which is made if it is not there. */
    public static NodeLog at(Path file) {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            long size = (FIRST + (long) MOST * FIELDS) * Long.BYTES;
            return new NodeLog(channel.map(FileChannel.MapMode.READ_WRITE, 0, size));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public long get(Cell cell) {
        return read(cell.ordinal());
    }

    public void set(Cell cell, long value) {
        write(cell.ordinal(), value);
    }

    public void add(Cell cell, long value) {
        long unused = (long) LONG.getAndAdd(memory, cell.ordinal() * Long.BYTES, value);
    }

    // ---- reigns ----

    void begin(LeadershipToken token, long from) {
        int count = (int) get(Cell.REIGNS);
        if (count == MOST) {
            throw new IllegalStateException("more than " + MOST + " reigns");
        }
        int at = FIRST + count * FIELDS;
        write(at, token.timeline());
        write(at + 1, token.term());
        write(at + 2, from);
        write(at + 3, from);
        set(Cell.REIGNS, count + 1L);
    }

    /** The latest one goes on. */
    void prolong(long last) {
        write(FIRST + ((int) get(Cell.REIGNS) - 1) * FIELDS + 3, last);
    }

    public List<Reign> reigns(String node) {
        List<Reign> reigns = new ArrayList<>();
        for (int i = 0; i < get(Cell.REIGNS); i++) {
            reigns.add(reign(node, i));
        }
        return reigns;
    }

    private Reign reign(String node, int index) {
        int at = FIRST + index * FIELDS;
        long from = read(at + 2);
        return new Reign(node, new LeadershipToken(read(at), read(at + 1)), from, Math.max(from, read(at + 3)));
    }

    private long read(int index) {
        return (long) LONG.getVolatile(memory, index * Long.BYTES);
    }

    private void write(int index, long value) {
        LONG.setVolatile(memory, index * Long.BYTES, value);
    }
}
