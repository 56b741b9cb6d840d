package io.forgeloom.cli;

import io.forgeloom.migrate.MigrationEvent;
import io.forgeloom.migrate.MigrationEvent.Applied;
import io.forgeloom.migrate.MigrationEvent.Planned;
import io.forgeloom.migrate.MigrationEvent.Recovering;
import io.forgeloom.migrate.MigrationEvent.Retrying;
import io.forgeloom.migrate.MigrationEvent.SchemaChanged;
import io.forgeloom.migrate.MigrationEvent.Started;
import io.forgeloom.migrate.MigrationEvent.StatementDone;
import io.forgeloom.migrate.MigrationEvent.Waiting;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Shows how a run goes on: a line for each file, and on a terminal below them a bar, which is drawn again in place.
 * Elsewhere a line says every 30 s what is being worked at, so that the log of a long migration is not silent. Safe for
 * use by many threads: the one that migrates tells, the one that waits for it ticks.
 */
final class MigrateProgress implements Consumer<MigrationEvent> {

    private static final long SIGN_OF_LIFE_NANOS = Duration.ofSeconds(30).toNanos();

    /** A file may have thousands of statements; no eye can follow more. */
    private static final long REDRAW_NANOS = Duration.ofMillis(50).toNanos();

    private static final int BAR = 20;
    private static final String START_OF_LINE = "\r";
    private static final String CLEAR = "\r\033[K";
    private static final Pattern BLANKS = Pattern.compile("[\\p{Cc}\\s]+");

    private final PrintWriter out;
    private final int columns;
    private final boolean unicode;
    private final LongSupplier nanoTime;
    private final long begun;

    /** Guards all below, and the writer. */
    private final ReentrantLock lock = new ReentrantLock();

    private int files;
    private int statements;
    /** Of the files that are applied. */
    private int doneBefore;

    private int doneOfCurrent;
    private @Nullable Started current;
    private @Nullable Waiting waiting;
    private long lastLine;
    private long lastDrawn;
    private boolean drawn;

    /** @param columns of the terminal; 0 for lines alone */
    MigrateProgress(PrintWriter out, int columns, boolean unicode, LongSupplier nanoTime) {
        this.out = out;
        this.columns = columns;
        this.unicode = unicode;
        this.nanoTime = nanoTime;
        this.begun = nanoTime.getAsLong();
        this.lastLine = begun;
        this.lastDrawn = begun - REDRAW_NANOS;
    }

    @Override
    public void accept(MigrationEvent event) {
        lock.lock();
        try {
            hear(event);
        } finally {
            lock.unlock();
        }
    }

    /** Time has passed. */
    void tick() {
        lock.lock();
        try {
            if (columns > 0) {
                draw(true);
            } else if (nanoTime.getAsLong() - lastLine >= SIGN_OF_LIFE_NANOS) {
                if (current != null) {
                    line("still at " + current.version() + ": " + doneOfCurrent + " of "
                            + counted(current.statements(), "statement") + " done, " + elapsed());
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Takes the bar away; nothing is shown after this. */
    void end() {
        lock.lock();
        try {
            current = null;
            waiting = null;
            clear();
            out.flush();
        } finally {
            lock.unlock();
        }
    }

    private void hear(MigrationEvent event) {
        switch (event) {
            case Waiting wait -> {
                waiting = wait;
                line("waiting for another run (" + wait.waited().toSeconds() + " s so far); the lock is held by "
                        + (wait.holder() == null ? "a session that has just let it go" : wait.holder()));
            }
            case Planned planned -> {
                waiting = null;
                files = planned.migrations();
                statements = planned.statements();
            }
            case Started started -> {
                current = started;
                doneOfCurrent = 0;
                draw(false);
            }
            case StatementDone done -> {
                doneOfCurrent = done.statement();
                draw(false);
            }
            case Recovering recovering -> line(recovering.version() + ": " + recovering.what());
            case Retrying retrying -> {
                doneOfCurrent = 0;
                line(retrying.version() + ": attempt " + retrying.attempt() + " was rolled back ("
                        + BLANKS.matcher(retrying.cause()).replaceAll(" ") + "); again in "
                        + retrying.pause().toMillis() + " ms");
            }
            case Applied done -> applied(done);
            case SchemaChanged changed -> line("changed by hand: " + changed.difference());
        }
    }

    private void applied(Applied done) {
        @Nullable Started file = current;
        current = null;
        if (file == null) {
            return;
        }
        doneBefore += file.statements();
        doneOfCurrent = 0;
        line("[" + file.number() + "/" + files + "] " + done.version() + ": " + counted(file.statements(), "statement")
                + ", " + done.took().toMillis() + " ms");
    }

    private void line(String text) {
        clear();
        out.println(text);
        lastLine = nanoTime.getAsLong();
        draw(true);
        out.flush();
    }

    private void clear() {
        if (drawn) {
            out.print(CLEAR);
            drawn = false;
        }
    }

    private void draw(boolean now) {
        if (columns == 0 || (current == null && waiting == null)) {
            return;
        }
        long time = nanoTime.getAsLong();
        if (now || time - lastDrawn >= REDRAW_NANOS) {
            // What is left of a longer line before goes away.
            out.print((drawn ? CLEAR : START_OF_LINE) + bar());
            out.flush();
            drawn = true;
            lastDrawn = time;
        }
    }

    /** The least important last, since a narrow terminal cuts it off there; a line that is full would wrap. */
    private String bar() {
        @Nullable Started file = current;
        int done = doneBefore + doneOfCurrent;
        int full = statements == 0 ? 0 : (int) ((long) BAR * done / statements);
        String bar = (unicode ? "█" : "#").repeat(full) + (unicode ? "░" : ".").repeat(BAR - full);
        String text = file == null
                ? bar + " waiting for another run, " + elapsed()
                : bar + " " + done + "/" + counted(statements, "statement") + ", " + elapsed() + ", file "
                        + file.number() + "/" + files + " " + file.version();
        return text.length() < columns ? text : text.substring(0, columns - 1);
    }

    private String elapsed() {
        long seconds = (nanoTime.getAsLong() - begun) / 1_000_000_000L;
        return seconds < 60 ? seconds + " s" : seconds / 60 + " min " + seconds % 60 + " s";
    }

    static String counted(int number, String noun) {
        return number + " " + noun + (number == 1 ? "" : "s");
    }
}
