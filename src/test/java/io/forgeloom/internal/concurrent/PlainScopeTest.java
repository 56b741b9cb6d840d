package io.forgeloom.internal.concurrent;

class PlainScopeTest extends TaskScopeContract {
    @Override
    ScopeThreads.Opener opener() {
        return ScopeChoice.PLAIN;
    }
}
