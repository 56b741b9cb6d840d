package io.forgeloom.testing.demo;

import io.forgeloom.database.PoolStats;

/**
 * All that was looked at after the load: what {@link Verdict} judges. Immutable.
 *
 * @param ids clients' journals against the database
 * @param money balances against entries
 * @param settled commits without an answer, asked for by transaction id after the load
 * @param lateClients clients that did not end in time
 * @param sessionsLeft sessions of the pool that the server still had after the pool was closed
 * @param pool the pool after it was closed
 * @param killed whether the server was killed
 * @param recovered whether a transaction was committed after that
 * @param reads what the readers found
 * @param bus what the subscribers found
 * @param leader what came of the election
 * @param changes what came of the copy that followed the change log
 * @param runtime what the whole runtime made of it
 */
record Findings(
        Reconciliation.Result ids,
        Bank.Audit money,
        Settled settled,
        int lateClients,
        long sessionsLeft,
        PoolStats pool,
        boolean killed,
        boolean recovered,
        ReadFindings reads,
        BusFindings bus,
        LeaderFindings leader,
        ChangeFindings changes,
        RuntimeFindings runtime) {

    /**
     * What {@link io.forgeloom.database.Database#commitOutcome} said of the transactions with a known id.
     *
     * @param committed of these, it called committed
     * @param rolledBack of these, it called rolled back
     * @param open it did not know
     * @param disagreeing its answer is not what the rows say
     */
    record Settled(int committed, int rolledBack, int open, int disagreeing) {

        int asked() {
            return committed + rolledBack + open;
        }
    }
}
