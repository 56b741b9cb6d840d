package io.forgeloom.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Marks tests that start servers of their own: skipped, with a word, when the suite runs on the user's server. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsCluster.Condition.class)
public @interface NeedsCluster {

    /** What the annotation does. */
    final class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return SharedServer.userUrl() == null
                    ? ConditionEvaluationResult.enabled("embedded servers")
                    : ConditionEvaluationResult.disabled(Skips.say("skipped: "
                            + context.getDisplayName() + " starts and kills servers, and " + SharedServer.VARIABLE
                            + " points at one that is not ours"));
        }
    }
}
