package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Help.Ansi;

/**
 * One run of the command line in this JVM: what it returned and what it wrote.
 *
 * @param exitCode what the process would have ended with
 */
record ForgeRun(int exitCode, String out, String err) {

    private static final Surroundings EMPTY = new Surroundings(Map.of(), true, () -> null, () -> 0);

    static ForgeRun of(String... arguments) {
        return in(EMPTY, arguments);
    }

    static ForgeRun withEnvironment(Map<String, String> variables, String... arguments) {
        return in(new Surroundings(variables, true, () -> null, () -> 0), arguments);
    }

    static ForgeRun in(Surroundings surroundings, String... arguments) {
        return in(surroundings, Ansi.OFF, arguments);
    }

    static ForgeRun in(Surroundings surroundings, Ansi ansi, String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine commandLine = ForgeCommand.commandLine(surroundings);
        commandLine.setColorScheme(Help.defaultColorScheme(ansi));
        commandLine.setOut(new PrintWriter(out, true));
        commandLine.setErr(new PrintWriter(err, true));
        int exitCode = commandLine.execute(arguments);
        return new ForgeRun(exitCode, out.toString(), err.toString());
    }

    /** A run of {@code forge doctor --json}. */
    static ForgeRun doctor(String... arguments) {
        return of(doctorArguments(arguments));
    }

    static String[] doctorArguments(String... arguments) {
        List<String> all = new ArrayList<>(List.of("doctor", "--json"));
        all.addAll(List.of(arguments));
        return all.toArray(String[]::new);
    }

    /** The checks of the JSON by name, in their order; fails if there is one key too many or too few. */
    Map<String, Check> checks() {
        Map<?, ?> report = (Map<?, ?>) JsonText.read(out);
        assertEquals(List.of("ok", "checks"), List.copyOf(report.keySet()));
        Map<String, Check> checks = new LinkedHashMap<>();
        for (Object element : (List<?>) report.get("checks")) {
            Map<?, ?> check = (Map<?, ?>) element;
            assertEquals(Set.of("name", "ok", "detail", "remedy"), check.keySet());
            String name = (String) check.get("name");
            checks.put(name, new Check((Boolean) check.get("ok"), (String) check.get("detail"), (String)
                    check.get("remedy")));
        }
        boolean all = checks.values().stream().allMatch(Check::ok);
        assertEquals(all, report.get("ok"));
        assertEquals(all ? 0 : 1, exitCode, out);
        return checks;
    }

    /** The check of this name, which must be there. */
    Check check(String name) {
        Check check = checks().get(name);
        assertNotNull(check, () -> "no " + name + " in " + out);
        return check;
    }

    /** A check as the JSON has it. */
    record Check(boolean ok, String detail, String remedy) {

        Check {
            assertFalse(detail.isBlank());
            if (!ok) {
                assertNotNull(remedy, detail);
            }
        }

        /** Sound, with nothing to do. */
        boolean fine() {
            return ok && remedy == null;
        }

        boolean note() {
            return ok && remedy != null;
        }
    }
}
