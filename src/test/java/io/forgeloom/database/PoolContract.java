package io.forgeloom.database;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The cases of {@code pool-contract.txt}, whose head describes the form. Strict: a word that is not in the form is an
 * error that names file and line, before any case runs. Immutable.
 */
record PoolContract(List<Case> cases) {

    /** The file of the product's contract, a resource beside this class. */
    static final String FILE = "pool-contract.txt";

    /** What a step does; each with its words, as a pattern, where {@code NAME} is a connection or a thread. */
    enum Verb {
        ACQUIRE("acquire", "NAME( within DURATION)?( interrupted)?"),
        TRY_ACQUIRE("tryAcquire", "NAME( soon)?"),
        DEDICATE("dedicate", "NAME as NAME"),
        RELEASE("release", "NAME"),
        SQL("sql", "NAME .+"),
        BEGIN("begin", "NAME"),
        ABORT("abort", "NAME"),
        TERMINATE("terminate", "NAME"),
        SPIKE("spike", "NUMBER users holding DURATION"),
        INTERRUPT("interrupt", "NAME"),
        JOIN("join", "NAME"),
        LINK("link", "cut|refuse|drop|blackhole (new|old|all)|delay DURATION|heal"),
        AWAIT("await", "CHECK( CHECK)*"),
        CHECK("check", "CHECK( CHECK)*"),
        PAUSE("pause", "DURATION"),
        CLOSE("close", "within DURATION");

        final String word;
        final Pattern arguments;

        Verb(String word, String arguments) {
            this.word = word;
            this.arguments = pattern(arguments);
        }
    }

    /** The kinds of events, with the names that they have in a flight recording. */
    enum Kind {
        WAIT("wait_time", "ACQUIRED|" + anyOf(AcquireException.Reason.values())),
        USE("use_time", "USED"),
        CREATE("create_time", "OPENED|FAILED"),
        CLOSE("close", anyOf(PoolEvents.CloseReason.values())),
        LEAK("leak", "LEAKED");

        final String event;
        final Pattern values;

        Kind(String event, String values) {
            this.event = event;
            this.values = Pattern.compile(values);
        }

        String word() {
            return event.replaceAll("_time$", "");
        }
    }

    /** One case: a pool of its own on a link of its own. */
    record Case(
            String file, int line, String name, Map<String, String> options, List<Step> steps, List<Events> events) {
        @Override
        public String toString() {
            return name;
        }
    }

    /**
     * @param thread who does it; null for the thread of the case itself
     * @param arguments the words after the verb
     * @param outcome what is expected, such as {@code same as a}; null = that it succeeds
     * @param least how long it takes at least
     * @param most how long it takes at most
     */
    record Step(
            int line,
            String text,
            @Nullable String thread,
            Verb verb,
            String arguments,
            @Nullable String outcome,
            Duration least,
            Duration most) {

        String[] words() {
            return arguments.split(" ");
        }
    }

    /** Every event of a kind: exactly these, in this order or in any. */
    record Events(int line, Kind kind, boolean ordered, List<Times> values) {}

    /** A value that occurs so many times; {@code least} = {@code most} where the order counts. */
    record Times(String value, int least, int most) {}

    private static final Map<String, String> FORM = Map.of(
            "NAME", "[A-Za-z][A-Za-z0-9-]*",
            "NUMBER", "[0-9]+",
            "DURATION", "(?:0|[0-9]+ms|[0-9]+s)",
            "REASON", anyOf(AcquireException.Reason.values()),
            "CHECK", "(?:" + String.join("|", PoolContractRun.COUNTS) + ")(?:=|<=|>=)[0-9]+");
    private static final Pattern OUTCOME = pattern(
            "same as NAME|other than NAME(, NAME)*|refused REASON|none|found|fails [0-9A-Z]{2,5}(\\|[0-9A-Z]{2,5})*");
    private static final Pattern OPTION = Pattern.compile("([A-Za-z]+)=(\\S+)");
    private static final Pattern THREAD = pattern("(NAME): (.+)");
    private static final Pattern TOOK = pattern("(.*?)\\s*\\bin (DURATION)\\.\\.(DURATION)");
    private static final Pattern EVENTS =
            Pattern.compile("events (\\w+) (in order|in any order)((?: \\S+)+)|events (\\w+) none");
    private static final Pattern TIMES = Pattern.compile("([A-Za-z_]+)(?:\\*(\\d+)(?:\\.\\.(\\d+))?)?");

    private static String anyOf(Enum<?>... constants) {
        return Arrays.stream(constants).map(Enum::name).collect(Collectors.joining("|", "(?:", ")"));
    }

    private static Pattern pattern(String form) {
        String regex = form;
        for (Map.Entry<String, String> word : new TreeMap<>(FORM).entrySet()) {
            regex = regex.replace(word.getKey(), word.getValue());
        }
        return Pattern.compile(regex);
    }

    /** Reads the product's contract. */
    static PoolContract load() throws IOException {
        try (InputStream in = PoolContract.class.getResourceAsStream(FILE)) {
            if (in == null) {
                throw new IOException("no resource " + FILE + " beside " + PoolContract.class.getName());
            }
            return parse(FILE, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    /** @throws IllegalArgumentException naming file and line */
    static PoolContract parse(String file, String text) {
        Parser parser = new Parser(file);
        String[] lines = text.split("\n", -1);
        for (int i = 0; i < lines.length; i++) {
            String line = lines[i].strip();
            if (!line.isEmpty() && !line.startsWith("#")) {
                parser.line(i + 1, line);
            }
        }
        return new PoolContract(List.copyOf(parser.cases));
    }

    static Duration duration(String text) {
        int digits = text.replaceAll("[a-z]+$", "").length();
        long number = Long.parseLong(text.substring(0, digits));
        return text.endsWith("ms") ? Duration.ofMillis(number) : Duration.ofSeconds(number);
    }

    /** Line by line; the case in hand is the last of the list. */
    private static final class Parser {

        private final String file;
        private final List<Case> cases = new ArrayList<>();
        private final Set<String> names = new HashSet<>();
        private final Set<String> threads = new HashSet<>();

        Parser(String file) {
            this.file = file;
        }

        void line(int number, String line) {
            if (line.startsWith("case ")) {
                String name = line.substring("case ".length()).strip();
                require(names.add(name), number, "there is a case \"" + name + "\" already");
                threads.clear();
                cases.add(new Case(file, number, name, new LinkedHashMap<>(), new ArrayList<>(), new ArrayList<>()));
                return;
            }
            require(!cases.isEmpty(), number, "expected \"case <name>\" first, found: " + line);
            Case current = cases.get(cases.size() - 1);
            if (line.startsWith("pool")) {
                require(current.steps().isEmpty(), number, "\"pool\" comes before the steps");
                options(number, line.substring("pool".length()).strip(), current.options());
            } else if (line.startsWith("events ")) {
                Events events = events(number, line);
                require(
                        current.events().stream().noneMatch(other -> other.kind() == events.kind()),
                        number,
                        "events " + events.kind().word() + " are given twice");
                current.events().add(events);
            } else {
                require(current.events().isEmpty(), number, "steps come before the events: " + line);
                current.steps().add(step(number, line));
            }
        }

        private void options(int number, String text, Map<String, String> options) {
            for (String word : text.split("\\s+")) {
                Matcher option = OPTION.matcher(word);
                require(option.matches(), number, "expected option=value, found: " + word);
                require(
                        PoolContractRun.OPTIONS.containsKey(option.group(1)),
                        number,
                        "no option " + option.group(1) + "; there are " + PoolContractRun.OPTIONS.keySet());
                options.put(option.group(1), option.group(2));
            }
        }

        private Step step(int number, String line) {
            String rest = line;
            String thread = null;
            Matcher named = THREAD.matcher(rest);
            if (named.matches()) {
                thread = named.group(1);
                threads.add(thread);
                rest = named.group(2);
            }
            Duration least = Duration.ZERO;
            Duration most = Duration.ofSeconds(10);
            Matcher took = TOOK.matcher(rest);
            if (took.matches()) {
                rest = took.group(1);
                least = duration(took.group(2));
                most = duration(took.group(3));
            }
            String outcome = null;
            int arrow = rest.indexOf("=>");
            if (arrow >= 0) {
                outcome = rest.substring(arrow + 2).strip();
                rest = rest.substring(0, arrow).strip();
                require(OUTCOME.matcher(outcome).matches(), number, "not an outcome: " + outcome);
            }
            int space = (rest + " ").indexOf(' ');
            String arguments = rest.substring(space).strip();
            Verb verb = verb(number, rest.substring(0, space), arguments);
            return new Step(number, line, thread, verb, arguments, outcome, least, most);
        }

        private Verb verb(int number, String word, String arguments) {
            Verb verb = Arrays.stream(Verb.values())
                    .filter(candidate -> candidate.word.equals(word))
                    .findFirst()
                    .orElseThrow(() -> error(number, "no step \"" + word + "\""));
            require(
                    verb.arguments.matcher(arguments).matches(),
                    number,
                    "\"" + word + "\" is followed by " + verb.arguments + ", not by: " + arguments);
            require(
                    (verb != Verb.JOIN && verb != Verb.INTERRUPT) || threads.contains(arguments),
                    number,
                    "no thread " + arguments + " in this case yet");
            return verb;
        }

        private Events events(int number, String line) {
            Matcher matcher = EVENTS.matcher(line);
            require(matcher.matches(), number, "expected events <kind> in order|in any order <values> | none: " + line);
            boolean none = matcher.group(1) == null;
            String word = none ? matcher.group(4) : matcher.group(1);
            Kind kind = Arrays.stream(Kind.values())
                    .filter(candidate -> candidate.word().equals(word))
                    .findFirst()
                    .orElseThrow(() -> error(number, "no events of the kind \"" + word + "\""));
            boolean ordered = none || matcher.group(2).equals("in order");
            List<Times> values = new ArrayList<>();
            for (String value : none ? new String[0] : matcher.group(3).strip().split(" ")) {
                Matcher times = TIMES.matcher(value);
                require(times.matches(), number, "expected VALUE, VALUE*2 or VALUE*2..3, found: " + value);
                require(
                        kind.values.matcher(times.group(1)).matches(),
                        number,
                        "events " + word + " are " + kind.values + ", not " + times.group(1));
                int least = times.group(2) == null ? 1 : Integer.parseInt(times.group(2));
                int most = times.group(3) == null ? least : Integer.parseInt(times.group(3));
                require(!ordered || least == most, number, "a range needs \"in any order\": " + value);
                values.add(new Times(times.group(1), least, most));
            }
            return new Events(number, kind, ordered, List.copyOf(values));
        }

        private void require(boolean condition, int number, String problem) {
            if (!condition) {
                throw error(number, problem);
            }
        }

        private IllegalArgumentException error(int number, String problem) {
            return new IllegalArgumentException(file + ":" + number + ": " + problem);
        }
    }
}
