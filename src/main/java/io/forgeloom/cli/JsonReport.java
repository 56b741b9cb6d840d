package io.forgeloom.cli;

import io.forgeloom.cli.Diagnosis.ServerReport;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A diagnosis for programs: {@code {"ok":…,"checks":[{"name":…,"ok":…,"detail":…,"remedy":…}]}}, a check a line. The
 * remedy is null where there is nothing to do; a note is ok and has one. Only ASCII is written, so that the encoding of
 * the output does not matter.
 */
final class JsonReport {

    private JsonReport() {}

    static String of(Diagnosis diagnosis) {
        StringBuilder json =
                new StringBuilder("{\"ok\":").append(diagnosis.ok()).append(",\"checks\":[");
        String separator = "\n";
        for (ServerReport server : diagnosis.servers()) {
            for (Finding finding : server.findings()) {
                json.append(separator).append("  {\"name\":");
                appendString(json, server.nameOf(finding));
                json.append(",\"ok\":").append(finding.sound()).append(",\"detail\":");
                appendString(json, finding.detail());
                json.append(",\"remedy\":");
                appendString(json, finding.remedy());
                json.append('}');
                separator = ",\n";
            }
        }
        return json.append("\n]}").toString();
    }

    /** A string of RFC 8259; a character beyond the basic plane becomes the two escapes of its surrogates. */
    static void appendString(StringBuilder json, @Nullable String text) {
        if (text == null) {
            json.append("null");
            return;
        }
        json.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c >= ' ' && c < 0x7f) {
                json.append(c);
            } else {
                json.append(String.format("\\u%04x", (int) c));
            }
        }
        json.append('"');
    }

    static void appendStrings(StringBuilder json, List<String> texts) {
        json.append('[');
        String separator = "";
        for (String text : texts) {
            json.append(separator);
            appendString(json, text);
            separator = ",";
        }
        json.append(']');
    }
}
