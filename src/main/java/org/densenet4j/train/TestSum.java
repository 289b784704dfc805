package org.densenet4j.train;

/** What a test has found so far. */
interface TestSum {
    /** Adds what the other ranks have found in their shares of the images. */
    void overRanks(Ranks ranks);

    /** The result. */
    TestResult result();
}
