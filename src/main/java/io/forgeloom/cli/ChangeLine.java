package io.forgeloom.cli;

import io.forgeloom.changelog.ChangePosition;
import io.forgeloom.changelog.ChangeRow;
import io.forgeloom.changelog.Resync;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What the log gives as one line, for eyes or for programs. Immutable. */
final class ChangeLine {

    private final boolean json;

    ChangeLine(boolean json) {
        this.json = json;
    }

    String of(ChangeRow row) {
        return json ? json(row) : text(row);
    }

    /** @param position where it is gone on */
    String of(Resync resync, ChangePosition position) {
        String cause = resync.cause().name().toLowerCase(Locale.ROOT);
        if (!json) {
            return "(resync: " + cause + "; read the tables anew: " + DeliveryLine.visible(resync.message()) + ")";
        }
        StringBuilder line = new StringBuilder("{\"type\":\"resync\",\"cause\":\"")
                .append(cause)
                .append("\",\"message\":");
        JsonReport.appendString(line, resync.message());
        return line.append(",\"position\":\"").append(position).append("\"}").toString();
    }

    private static String text(ChangeRow row) {
        @Nullable String id = row.rowId();
        return row.seq() + " " + row.at() + " " + row.op() + " " + DeliveryLine.visible(row.table())
                + (id == null ? "" : " " + DeliveryLine.visible(id))
                + (row.changed() == null ? "" : " (" + DeliveryLine.visible(String.join(", ", row.changed())) + ")");
    }

    private static String json(ChangeRow row) {
        StringBuilder line = new StringBuilder("{\"position\":\"")
                .append(row.position())
                .append("\",\"seq\":")
                .append(row.seq())
                .append(",\"table\":");
        JsonReport.appendString(line, row.table());
        line.append(",\"op\":\"").append(row.op()).append("\",\"row_id\":");
        JsonReport.appendString(line, row.rowId());
        line.append(",\"changed\":");
        if (row.changed() == null) {
            line.append("null");
        } else {
            JsonReport.appendStrings(line, row.changed());
        }
        return line.append(",\"at\":\"").append(row.at()).append("\"}").toString();
    }
}
