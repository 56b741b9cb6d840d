package io.forgeloom.cli;

import io.forgeloom.cli.MigrateOutcome.Problem;
import io.forgeloom.cli.MigrateTask.Mode;
import io.forgeloom.migrate.MigrationStatus;
import io.forgeloom.migrate.MigrationStatus.Entry;
import java.time.Duration;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** The end of {@code forge migrate} for programs: one object, every key always there, only ASCII. */
final class MigrateJson {

    private final StringBuilder json = new StringBuilder();

    private MigrateJson() {}

    static String of(MigrateOutcome outcome, Mode mode) {
        MigrateJson report = new MigrateJson();
        report.json.append("{\"ok\":").append(outcome.ok());
        @Nullable MigrationStatus status = outcome.status();
        if (mode == Mode.STATUS) {
            report.list("migrations", status == null ? null : status.entries(), MigrateJson::entry);
        } else {
            report.list(
                    "applied",
                    List.copyOf(outcome.applied().entrySet()),
                    (to, done) -> to.applied(done.getKey(), done.getValue(), status));
            report.json.append(",\"alreadyApplied\":").append(outcome.alreadyApplied());
            report.list("pending", status == null ? null : status.pending(), MigrateJson::entry);
        }
        report.list("schemaChanges", outcome.schemaChanges(), MigrateJson::text);
        report.list("problems", outcome.problems(), MigrateJson::problem);
        return report.json
                .append(",\"millis\":")
                .append(outcome.took().toMillis())
                .append('}')
                .toString();
    }

    private void applied(String version, Duration took, @Nullable MigrationStatus status) {
        @Nullable
        Entry entry = status == null
                ? null
                : status.entries().stream()
                        .filter(one -> one.key().equals(version))
                        .findFirst()
                        .orElse(null);
        json.append("{\"version\":");
        text(version);
        json.append(",\"millis\":").append(took.toMillis());
        string("file", entry == null ? null : entry.file());
        json.append(",\"statements\":").append(entry == null ? null : entry.statements());
        string("checksum", entry == null ? null : entry.checksum());
        string(
                "appliedAt",
                entry == null || entry.appliedAt() == null
                        ? null
                        : entry.appliedAt().toString());
        json.append('}');
    }

    private void entry(Entry entry) {
        json.append("{\"version\":");
        text(entry.key());
        string("state", MigrateReport.state(entry.state()));
        string("file", entry.file());
        json.append(",\"statements\":").append(entry.statements());
        string("checksum", entry.checksum());
        string("appliedChecksum", entry.appliedChecksum());
        string("appliedAt", entry.appliedAt() == null ? null : entry.appliedAt().toString());
        json.append('}');
    }

    private void problem(Problem problem) {
        json.append("{\"version\":");
        text(problem.version());
        string("file", problem.file());
        json.append(",\"line\":").append(problem.line() == 0 ? null : (Integer) problem.line());
        string("problem", problem.text());
        string("remedy", problem.remedy());
        json.append('}');
    }

    /** An element a line. */
    private <T> void list(String key, @Nullable List<T> elements, BiConsumer<MigrateJson, T> writer) {
        json.append(",\"").append(key).append("\":");
        if (elements == null) {
            json.append("null");
            return;
        }
        json.append('[');
        String separator = "\n  ";
        for (T element : elements) {
            json.append(separator);
            writer.accept(this, element);
            separator = ",\n  ";
        }
        json.append(elements.isEmpty() ? "]" : "\n]");
    }

    private void string(String key, @Nullable String value) {
        json.append(",\"").append(key).append("\":");
        text(value);
    }

    private void text(@Nullable String value) {
        JsonReport.appendString(json, value);
    }
}
