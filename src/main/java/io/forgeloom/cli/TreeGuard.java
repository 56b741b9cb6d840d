package io.forgeloom.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/**
 * Ends a command and all that it started if this process is killed, which can do nothing itself then. It is a small shell
 * that waits at the other end of a pipe; nobody but this process has this end, so the kernel tells the shell. Confined to
 * one thread.
 *
 * <p>A process that is killed between the start of a command and {@link #watch} has not said which it is: the guard then ends
 * whatever has its mark in its environment, where there is a {@code /proc} to look for that.
 */
final class TreeGuard implements AutoCloseable {

    /** What was found is stopped before the next look, so that nothing can start more behind our back. */
    private static final String SCRIPT = """
            trap '' HUP INT QUIT TERM
            if ! read -r root; then
                for look in 1 2 3 4 5; do
                    kill -KILL $(grep -ls "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3) 2>/dev/null
                    sleep 0.2
                done
                exit 0
            fi
            read -r ended && exit 0
            tree() {
                ps -A -o pid= -o ppid= 2>/dev/null | awk -v root="$root" '
                    { parent[$1] = $2 }
                    END { for (p in parent) { a = p; while (a != root && a > 0 && a in parent) a = parent[a]; if (a == root) print p } }
                ' 2>/dev/null | sort -n
            }
            found=$root
            seen=
            while [ "$found" != "$seen" ]; do
                kill -STOP $found 2>/dev/null
                seen=$found
                found=$(echo $root $(tree))
            done
            kill -KILL $found 2>/dev/null
            """;

    private static final String MARK = "FORGE_GUARD";

    private final OutputStream pipe;

    private final String mark;

    private TreeGuard(OutputStream pipe, String mark) {
        this.pipe = pipe;
        this.mark = mark;
    }

    /** To be started before the command, so that a failure of this leaves none behind. */
    static TreeGuard start() throws IOException {
        String mark = UUID.randomUUID().toString();
        ProcessBuilder shell = new ProcessBuilder("sh", "-c", SCRIPT, "forge-elect-guard", MARK + "=" + mark)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        try {
            return new TreeGuard(shell.start().getOutputStream(), mark);
        } catch (IOException e) {
            throw new IOException("there is no sh, which is to end it should this process be killed");
        }
    }

    /** A command that is about to be started. */
    void mark(ProcessBuilder command) {
        command.environment().put(MARK, mark);
    }

    /** What the kernel does when this process is killed. */
    void abandon() throws IOException {
        pipe.close();
    }

    /** From now on. */
    void watch(long pid) throws IOException {
        write(Long.toString(pid));
    }

    private void write(String line) throws IOException {
        pipe.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
        pipe.flush();
    }

    /** There is nothing to end any more. */
    @Override
    public void close() {
        try (pipe) {
            write("ended");
        } catch (IOException e) {
            // It is gone already.
            return;
        }
    }
}
