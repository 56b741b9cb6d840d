package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.cli.Finding.Severity;
import org.junit.jupiter.api.Test;

/** Each limit at its edge. */
class ConnectionBudgetTest {

    private static final int NONE = -1;

    @Test
    void poolThatFitsExactlyIsSound() {
        assertEquals(Severity.OK, budget(103, NONE, NONE, 0).judge(100, true).severity());
        assertEquals(
                Severity.PROBLEM, budget(102, NONE, NONE, 0).judge(100, true).severity());
        assertEquals(Severity.OK, budget(500, 100, NONE, 0).judge(100, true).severity());
        assertEquals(Severity.PROBLEM, budget(500, 99, NONE, 0).judge(100, true).severity());
        assertEquals(Severity.OK, budget(500, NONE, 100, 0).judge(100, true).severity());
        assertEquals(Severity.PROBLEM, budget(500, NONE, 99, 0).judge(100, true).severity());
    }

    @Test
    void defaultSizeThatNobodyStatedIsANoteOnly() {
        Finding finding = budget(100, NONE, NONE, 0).judge(100, false);

        assertEquals(Severity.NOTE, finding.severity());
        assertTrue(finding.remedy().contains("poolSize to 97 at most"), finding.remedy());
        assertTrue(finding.remedy().contains("max_connections to 103"), finding.remedy());
    }

    @Test
    void connectionsThatOthersHoldNowAreANote() {
        assertEquals(Severity.OK, budget(203, NONE, NONE, 100).judge(100, true).severity());
        Finding finding = budget(203, NONE, NONE, 101).judge(100, true);

        assertEquals(Severity.NOTE, finding.severity());
        assertTrue(finding.detail().contains("99 free now"), finding.detail());
        assertTrue(finding.remedy().contains("max_connections to 204"), finding.remedy());
    }

    @Test
    void remedyNamesEveryLimitThatIsTooLow() {
        String remedy = budget(50, 20, 30, 0).judge(40, true).remedy();
        assertTrue(remedy.contains("poolSize to 20 at most"), remedy);
        assertTrue(remedy.contains("role's CONNECTION LIMIT to 40"), remedy);
        assertTrue(remedy.contains("database's CONNECTION LIMIT to 40"), remedy);
        assertTrue(!remedy.contains("max_connections"), remedy);
    }

    /** Three are reserved; all that is in use is of the same role in the same database. */
    private static ConnectionBudget budget(int max, int roleLimit, int databaseLimit, int used) {
        return new ConnectionBudget(max, 3, roleLimit, databaseLimit, used, used, used);
    }
}
