package io.forgeloom.testing.demo;

import java.io.File;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What standard output can show. Immutable.
 *
 * @param live whether a view can be redrawn in place
 * @param width columns
 * @param unicode whether it takes more than ASCII
 * @param color whether to use colours
 */
record Terminal(boolean live, int width, boolean unicode, boolean color) {

    private static final int DEFAULT_WIDTH = 80;
    private static final int MIN_WIDTH = 40;
    private static final int MAX_WIDTH = 100;

    /** Looks at standard output of this process and at the environment. */
    static Terminal detect(Charset charset, boolean plain) {
        return detect(charset, plain, System.getenv(), plain ? "" : askTerminal());
    }

    /** As {@link #detect(Charset, boolean)}, with {@code size} as {@code stty size} says it, empty for no terminal. */
    static Terminal detect(Charset charset, boolean plain, Map<String, String> environment, String size) {
        String kind = environment.getOrDefault("TERM", "");
        boolean live = !plain && !size.isEmpty() && !kind.isEmpty() && !kind.equals("dumb");
        boolean color = live && environment.getOrDefault("NO_COLOR", "").isEmpty();
        int columns = number(environment.getOrDefault("COLUMNS", ""));
        if (columns == 0) {
            columns = number(size.substring(size.indexOf(' ') + 1));
        }
        int width = columns == 0 ? DEFAULT_WIDTH : Math.clamp(columns, MIN_WIDTH, MAX_WIDTH);
        return new Terminal(live, width, charset.equals(StandardCharsets.UTF_8), color);
    }

    /** {@code rows columns}; empty if standard output is no terminal. The JDK knows of input and output together only. */
    private static String askTerminal() {
        try {
            Process shell = new ProcessBuilder("sh", "-c", "[ -t 1 ] && { stty size <&3 || echo 0 0; } 3<&1 >&2")
                    .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                    .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                    .start();
            if (!shell.waitFor(2, TimeUnit.SECONDS)) {
                shell.destroyForcibly();
                return "";
            }
            return new String(shell.getErrorStream().readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .reduce("", (before, line) -> line);
        } catch (IOException e) {
            return "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }

    private static int number(String text) {
        return text.matches("[1-9][0-9]{0,3}") ? Integer.parseInt(text) : 0;
    }
}
