package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A case whose expectation is wrong fails, at its line; and so does a text that is not in the form. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class PoolContractRunTest {

    private static final String RIGHT = """
            case right
              pool poolSize=2
              acquire a
              acquire b => other than a
              t: acquire c within 50ms => refused EXHAUSTED in 40ms..5s
              join t
              release a
              acquire d => same as a
              sql d SELECT 1/0 => fails 22012
              check active=2
              events wait in order ACQUIRED*2 EXHAUSTED ACQUIRED
              events close none
            """;

    private static void run(String text, TestDatabase server) throws Exception {
        PoolContractRun.run(PoolContract.parse("test.txt", text).cases().get(0), server);
    }

    @Test
    void aCaseThatIsTruePasses(TestDatabase server) throws Exception {
        run(RIGHT, server);
    }

    @ParameterizedTest(name = "{1} for {0}")
    @CsvSource(
            delimiter = ';',
            value = {
                "=> other than a;          => same as a;             test.txt:4: ; was: session 2",
                "=> same as a;             => other than a;          test.txt:8: ; was: session 1",
                "refused EXHAUSTED;        refused QUEUE_FULL;       test.txt:5: ; was: refused EXHAUSTED",
                "=> refused EXHAUSTED;     => same as a;             test.txt:5: ; was: refused EXHAUSTED",
                "in 40ms..5s;              in 0ms..1ms;              test.txt:5: ; took ",
                "fails 22012;              fails 08;                 test.txt:9: ; was: fails 22012",
                "=> fails 22012;           '';                       test.txt:9: ; was: fails 22012",
                "SELECT 1/0;               SELECT 1;                 test.txt:9: ; was: success",
                "check active=2;           check active<=1;          test.txt:10: ; was 2",
                "*2 EXHAUSTED ACQUIRED;    *3 EXHAUSTED;             test.txt:11: ; were: [ACQUIRED, ACQUIRED, EXHAUSTED",
                "in order ACQUIRED*2 EXHAUSTED ACQUIRED; in any order ACQUIRED*1..2 EXHAUSTED; test.txt:11: ; were: ",
                "close none;               close in any order DEAD;  test.txt:12: ; were: []"
            })
    void aCaseThatIsWrongFailsAtItsLine(String right, String wrong, String line, String found, TestDatabase server) {
        String text = RIGHT.replace(right, wrong);
        assertTrue(!text.equals(RIGHT), "nothing was changed by " + right);
        AssertionError e = assertThrows(AssertionError.class, () -> run(text, server));
        assertTrue(String.valueOf(e.getMessage()).startsWith(line), e.getMessage());
        assertTrue(String.valueOf(e.getMessage()).contains(found), e.getMessage());
    }

    @ParameterizedTest(name = "{1}")
    @CsvSource(
            delimiter = ';',
            value = {
                "case right;            kase right;          1; expected \"case <name>\" first",
                "poolSize=2;            size=2;              2; no option size",
                "poolSize=2;            poolSize 2;          2; expected option=value",
                "acquire a;             aquire a;            3; no step \"aquire\"",
                "=> other than a;       => another than a;   4; not an outcome",
                "join t;                join u;              6; no thread u",
                "release a;             release a b;         7; \"release\" is followed by",
                "within 50ms;           within 50;           5; \"acquire\" is followed by",
                "events wait;           events weight;       11; no events of the kind \"weight\"",
                "ACQUIRED*2;            ACQUIRED*2..3;       11; a range needs",
                "events close none;     events wait none;    12; events wait are given twice",
                "active=2;              alive=2;             10; \"check\" is followed by",
                "ACQUIRED*2;            AQUIRED*2;           11; events wait are ACQUIRED|",
                "refused EXHAUSTED;     refused TIRED;       5; not an outcome: refused TIRED",
                "events close none;     acquire e;           12; steps come before the events",
                "events close none;     case right;          12; there is a case \"right\" already"
            })
    void aTextThatIsNotInTheFormIsRefusedAtItsLine(String right, String wrong, int line, String problem) {
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class,
                () -> PoolContract.parse("test.txt", RIGHT.replaceFirst(quote(right), wrong)));
        assertTrue(
                String.valueOf(e.getMessage()).startsWith("test.txt:" + line + ": " + problem),
                "expected line " + line + ": " + e.getMessage());
    }

    private static String quote(String text) {
        return java.util.regex.Pattern.quote(text);
    }

    @Test
    void theFormIsReadAsItStands() {
        PoolContract.Case one = PoolContract.parse("test.txt", RIGHT).cases().get(0);
        assertEquals("right", one.name());
        assertEquals(8, one.steps().size());
        assertEquals("t", one.steps().get(2).thread());
        assertEquals("refused EXHAUSTED", one.steps().get(2).outcome());
        assertEquals(40, one.steps().get(2).least().toMillis());
    }
}
