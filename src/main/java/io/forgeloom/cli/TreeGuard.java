package io.forgeloom.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Ends a command and all that it started if this process is killed, which can do nothing itself then. It is a small shell
 * that waits at the other end of a pipe; nobody but this process has this end, so the kernel tells the shell. Confined to
 * one thread.
 */
final class TreeGuard implements AutoCloseable {

    /** What was found is stopped before the next look, so that nothing can start more behind our back. */
    private static final String SCRIPT = """
            trap '' HUP INT QUIT TERM
            read -r root || exit 0
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

    private final OutputStream pipe;

    private TreeGuard(OutputStream pipe) {
        this.pipe = pipe;
    }

    /** To be started before the command, so that a failure of this leaves none behind. */
    static TreeGuard start() throws IOException {
        ProcessBuilder shell = new ProcessBuilder("sh", "-c", SCRIPT, "forge-elect-guard")
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        try {
            return new TreeGuard(shell.start().getOutputStream());
        } catch (IOException e) {
            throw new IOException("there is no sh, which is to end it should this process be killed");
        }
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
