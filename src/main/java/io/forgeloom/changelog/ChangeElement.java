package io.forgeloom.changelog;

/** What a reader of the log gets: rows, or the word that it has to start anew. */
public sealed interface ChangeElement permits Batch, Resync {}
