package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.cli.Finding.Severity;
import org.junit.jupiter.api.Test;

/** Each limit at its edge. */
class ConnectionBudgetTest {

    private static final int NONE = -1;

    @Test
    void poolThatFitsExactlyWithItsControlSessionIsSound() {
        assertEquals(Severity.OK, budget(104, NONE, NONE, 0).judge(100, true).severity());
        assertEquals(
                Severity.PROBLEM, budget(103, NONE, NONE, 0).judge(100, true).severity());
        assertEquals(Severity.OK, budget(500, 101, NONE, 0).judge(100, true).severity());
        assertEquals(
                Severity.PROBLEM, budget(500, 100, NONE, 0).judge(100, true).severity());
        assertEquals(Severity.OK, budget(500, NONE, 101, 0).judge(100, true).severity());
        assertEquals(
                Severity.PROBLEM, budget(500, NONE, 100, 0).judge(100, true).severity());
    }

    @Test
    void controlSessionIsNamedAndCountedInTheRemedy() {
        Finding finding = budget(103, NONE, NONE, 0).judge(100, true);

        assertTrue(finding.detail().contains("100 for a pool of 100 and its 1 control session"), finding.detail());
        assertTrue(finding.remedy().contains("poolSize to 99 at most"), finding.remedy());
        assertTrue(finding.remedy().contains("max_connections to 104"), finding.remedy());
        // A limit of one leaves no size that a pool could have.
        String single = budget(500, 1, NONE, 0).judge(1, true).remedy();
        assertEquals("raise the role's CONNECTION LIMIT to 2", single);
    }

    @Test
    void defaultSizeThatNobodyStatedIsANoteOnly() {
        Finding finding = budget(100, NONE, NONE, 0).judge(100, false);

        assertEquals(Severity.NOTE, finding.severity());
        assertTrue(finding.remedy().contains("poolSize to 96 at most"), finding.remedy());
        assertTrue(finding.remedy().contains("max_connections to 104"), finding.remedy());
    }

    @Test
    void connectionsThatOthersHoldNowAreANote() {
        assertEquals(Severity.OK, budget(204, NONE, NONE, 100).judge(100, true).severity());
        Finding finding = budget(203, NONE, NONE, 100).judge(100, true);

        assertEquals(Severity.NOTE, finding.severity());
        assertTrue(finding.detail().contains("100 free now"), finding.detail());
        assertTrue(finding.detail().contains("a notify bus and an election keep one each"), finding.detail());
        assertTrue(finding.remedy().contains("max_connections to 204"), finding.remedy());
    }

    @Test
    void remedyNamesEveryLimitThatIsTooLow() {
        String remedy = budget(50, 20, 30, 0).judge(40, true).remedy();
        assertTrue(remedy.contains("poolSize to 19 at most"), remedy);
        assertTrue(remedy.contains("role's CONNECTION LIMIT to 41"), remedy);
        assertTrue(remedy.contains("database's CONNECTION LIMIT to 41"), remedy);
        assertTrue(!remedy.contains("max_connections"), remedy);
    }

    /** Three are reserved; all that is in use is of the same role in the same database. */
    private static ConnectionBudget budget(int max, int roleLimit, int databaseLimit, int used) {
        return new ConnectionBudget(max, 3, roleLimit, databaseLimit, used, used, used);
    }
}
