package io.forgeloom.testing.chaos;

import java.util.HashMap;
import java.util.Map;

/**
 * What is told of a transaction is so: confirmed is there exactly once, refused or undone is absent, unknown is settled as it
 * is. No money is made or lost, and nothing that was never committed is there.
 */
final class TransactionsChecker extends Checker {

    private final Map<String, Line> told = new HashMap<>();

    TransactionsChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        FinalState state = history().state();
        history().lines("tx").forEach(line -> {
            told.put(line.node() + "/" + line.get("n"), line);
            judge(line, line.get("fate"), state);
        });
        history().lines("settled").forEach(line -> {
            boolean committed = line.get("outcome").equals("COMMITTED");
            judge(line, committed ? "committed" : "no", state);
        });
        state.journal.forEach((key, times) -> {
            String node = key.substring(0, key.indexOf('/'));
            if (times > 1) {
                violated(key + " is there " + times + " times", lines(key));
            } else if (!told.containsKey(key) && !history().wasKilled(node)) {
                violated(key + " is there, and its process never told of it");
            }
        });
        long money = ChaosSchema.ACCOUNTS * ChaosSchema.BALANCE;
        if (state.balance != money) {
            violated("the accounts have " + state.balance + " and had " + money);
        }
        if (state.dirt != 0) {
            violated(state.dirt + " rows are committed that were given back uncommitted");
        }
    }

    private Line[] lines(String key) {
        Line line = told.get(key);
        return line == null ? new Line[0] : new Line[] {line};
    }

    private void judge(Line line, String fate, FinalState state) {
        boolean there = state.journal.containsKey(line.node() + "/" + line.get("n"));
        if (fate.equals("committed") && !there) {
            violated("told as committed, and not there", line);
        } else if (fate.equals("no") && there) {
            violated("told as not committed, and there", line);
        }
    }
}
