package org.densenet4j.backend.cuda;

/**
 * What is wrong, and what a user can do about it; a clause each.
 *
 * @param cause what has happened
 * @param mend what to do; "" where there is nothing
 */
record CauseAndMend(String cause, String mend) {
    /** Both in one line. */
    String line() {
        return mend.isEmpty() ? cause : cause + "; " + mend;
    }
}
