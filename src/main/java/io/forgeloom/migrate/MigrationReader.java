package io.forgeloom.migrate;

import io.forgeloom.migrate.MigrationFileException.Problem;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a list of migrations from where it lies, and finds all that is wrong with it before a database is asked. Confined
 * to one thread.
 *
 * <p>Numbers begin at 1 and have neither gap nor double, since "applied is a prefix of the list" must mean one thing on
 * every machine; prefixes have one width, so that a listing of the folder shows the order that they run in.
 */
final class MigrationReader {

    private final MigrationName.Owner owner;
    private final List<Problem> problems = new ArrayList<>();

    private MigrationReader(MigrationName.Owner owner) {
        this.owner = owner;
    }

    /**
     * All migrations of a source in the order of their numbers; none if it holds none.
     *
     * @throws MigrationFileException with all that is wrong
     */
    static List<MigrationFile> read(MigrationSource source, MigrationName.Owner owner) {
        MigrationReader reader = new MigrationReader(owner);
        List<Named> files = reader.named(source.files());
        reader.checkNumbers(files);
        List<MigrationFile> migrations = new ArrayList<>();
        for (Named file : files) {
            try {
                migrations.add(parse(file));
            } catch (ScriptException e) {
                reader.report(file.content, e.line(), String.valueOf(e.getMessage()));
            }
        }
        if (!reader.problems.isEmpty()) {
            throw new MigrationFileException(reader.problems, null);
        }
        return List.copyOf(migrations);
    }

    private record Named(MigrationName name, SourceFile content) {}

    /** In the order of numbers. */
    private List<Named> named(List<SourceFile> files) {
        List<Named> named = new ArrayList<>();
        for (SourceFile file : files) {
            @Nullable MigrationName name = MigrationName.parse(file.name(), owner);
            if (name == null) {
                report(
                        file,
                        0,
                        "not a name of a migration, which is like " + owner.example() + ", up to 255 characters");
            } else {
                named.add(new Named(name, file));
            }
        }
        named.sort(Comparator.comparingInt((Named file) -> file.name.number())
                .thenComparing(file -> file.content.name())
                .thenComparing(file -> file.content.origin()));
        return named;
    }

    private void checkNumbers(List<Named> files) {
        int expected = 1;
        @Nullable Named before = null;
        for (Named file : files) {
            int number = file.name.number();
            int width = file.name.digits().length();
            int firstWidth = files.getFirst().name.digits().length();
            if (width != firstWidth) {
                report(
                        file.content,
                        0,
                        "its number has " + width + " digits, and that of "
                                + files.getFirst().content.name() + " has " + firstWidth);
            }
            if (before != null && number == before.name.number()) {
                report(file.content, 0, "number " + number + " is taken by " + before.content.origin());
            } else {
                if (number != expected) {
                    report(
                            file.content,
                            0,
                            number == 0
                                    ? "numbers begin at 1"
                                    : "number " + expected + " is missing before it; numbers have no gaps");
                }
                expected = number + 1;
            }
            before = file;
        }
    }

    private static MigrationFile parse(Named file) throws ScriptException {
        String text = file.content.text();
        MigrationHeader.refuseDownPart(text);
        boolean transactional = MigrationHeader.transactional(text);
        // The runner's session has standard strings whatever the database says, so that a file means one thing.
        List<SqlStatement> statements = SqlSplitter.split(text, true);
        if (statements.isEmpty()) {
            throw new ScriptException(0, "holds no statement");
        }
        if (!transactional && statements.size() > 1) {
            throw new ScriptException(
                    statements.get(1).line(),
                    "a second statement: a migration without a transaction has one, so that it can be run again after"
                            + " a crash; give each a file of its own");
        }
        return new MigrationFile(
                file.name.version(),
                file.name.number(),
                file.content.origin(),
                MigrationText.checksum(text),
                transactional,
                statements);
    }

    private void report(SourceFile file, int line, String problem) {
        problems.add(new Problem(file.origin(), line, problem));
    }
}
