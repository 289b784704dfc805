package org.densenet4j.backend.cuda;

/**
 * A library that was found and is not used.
 *
 * @param library which
 * @param origin why its folder was searched
 * @param reason why it is not used, naming the file, and what to do about it
 */
record RejectedLibrary(CudaLibrary library, String origin, CauseAndMend reason) {}
