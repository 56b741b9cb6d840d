package io.forgeloom.cli;

import io.forgeloom.cli.Diagnosis.ServerReport;
import io.forgeloom.cli.Finding.Severity;
import java.io.PrintWriter;
import picocli.CommandLine.Help.Ansi;

/**
 * A diagnosis for people: a paragraph a server, a line a check, the remedy below it, the summary last. One thread at a
 * time.
 */
final class TextReport {

    private static final int WIDTH = 100;
    /** The longest name, "notify-queue", and one blank. */
    private static final int NAME_WIDTH = 13;

    private static final int INDENT = 4 + NAME_WIDTH;

    private final PrintWriter out;
    private final boolean unicode;
    private final Ansi ansi;

    /**
     * @param unicode whether the reader's encoding has more than ASCII
     * @param ansi whether colours are shown
     */
    TextReport(PrintWriter out, boolean unicode, Ansi ansi) {
        this.out = out;
        this.unicode = unicode;
        this.ansi = ansi;
    }

    void print(Diagnosis diagnosis) {
        for (ServerReport server : diagnosis.servers()) {
            out.println(styled("bold", server.role()));
            server.findings().forEach(this::print);
            out.println();
        }
        out.println(summary(diagnosis));
    }

    private void print(Finding finding) {
        String name = finding.check()
                + " ".repeat(Math.max(1, NAME_WIDTH - finding.check().length()));
        out.println("  " + mark(finding.severity()) + " " + name + wrapped(finding.detail(), INDENT));
        if (finding.remedy() != null) {
            String arrow = unicode ? "→ " : "> ";
            out.println(" ".repeat(INDENT) + wrapped(arrow + finding.remedy(), INDENT + arrow.length()));
        }
    }

    private String mark(Severity severity) {
        return switch (severity) {
            case OK -> styled("green", unicode ? "✓" : "+");
            case NOTE -> styled("yellow", "!");
            case PROBLEM -> styled("red", unicode ? "✗" : "x");
        };
    }

    private String summary(Diagnosis diagnosis) {
        int problems = diagnosis.count(Severity.PROBLEM);
        int notes = diagnosis.count(Severity.NOTE);
        String counts = " " + plural(diagnosis.checks(), "check") + ", " + plural(problems, "problem") + ", "
                + plural(notes, "note") + ".";
        return (diagnosis.ok() ? styled("bold,green", "Sound:") : styled("bold,red", "Not sound:")) + counts;
    }

    private static String plural(int count, String noun) {
        return count + " " + noun + (count == 1 ? "" : "s");
    }

    /** Breaks at blanks, so that no line is wider than the report, unless a word is; the first line is at INDENT. */
    private static String wrapped(String text, int indent) {
        StringBuilder lines = new StringBuilder();
        int column = INDENT;
        for (String word : text.split(" ", -1)) {
            if (column > indent && column + 1 + word.length() > WIDTH) {
                lines.append(System.lineSeparator()).append(" ".repeat(indent));
                column = indent;
            } else if (column > INDENT) {
                lines.append(' ');
                column++;
            }
            lines.append(word);
            column += word.length();
        }
        return lines.toString();
    }

    private String styled(String style, String text) {
        return ansi.string("@|" + style + " " + text + "|@");
    }
}
