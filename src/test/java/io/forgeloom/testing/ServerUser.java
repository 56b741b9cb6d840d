package io.forgeloom.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes programs that refuse to run as root (PostgreSQL, PgBouncer) run all the same. Safe for use by many threads.
 *
 * <p>An ordinary user needs nothing. For root the best way is a new user namespace: the program sees the id of nobody,
 * the kernel still root's, and files need no new owner. Where a container forbids namespaces it becomes nobody in
 * earnest, and its data folder is given to nobody.
 */
final class ServerUser {

    private static final int NOBODY = 65_534;
    private static final List<String> NAMESPACE = List.of("unshare", "-U");
    private static final List<String> BECOME =
            List.of("setpriv", "--reuid=" + NOBODY, "--regid=" + NOBODY, "--clear-groups");

    private static final List<String> PREFIX = choose();

    private ServerUser() {}

    /** The command to start instead of the given one. */
    static List<String> command(List<String> command) {
        List<String> all = new ArrayList<>(PREFIX);
        all.addAll(command);
        return all;
    }

    /** Sees to it that the server may use a folder and all that is in it. */
    static void give(Path folder) {
        if (PREFIX.equals(BECOME)) {
            FileTrees.give(folder, NOBODY);
        }
    }

    private static List<String> choose() {
        try {
            if (!Files.getAttribute(ProcessGuard.cache(), "unix:uid").equals(0)) {
                return List.of();
            }
            File nothing = new File("/dev/null");
            for (List<String> way : List.of(NAMESPACE, BECOME)) {
                List<String> trial = new ArrayList<>(way);
                trial.add("true");
                if (Files.isExecutable(Path.of("/usr/bin", way.getFirst())) && ProcessGuard.run(nothing, trial) == 0) {
                    return way;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while looking for a way to run a server as root", e);
        }
        throw new IllegalStateException("PostgreSQL refuses to run as root, and neither '" + String.join(" ", NAMESPACE)
                + "' nor '" + String.join(" ", BECOME) + "' works here: run as an ordinary user,"
                + " or point --url / FORGE_TEST_URL at a server of yours");
    }
}
