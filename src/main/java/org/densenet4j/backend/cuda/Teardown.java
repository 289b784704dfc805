package org.densenet4j.backend.cuda;

/**
 * Gives several things back, each of them whatever became of the others: after an error that a
 * device cannot recover from every call fails, and what is left must still be freed.
 */
final class Teardown {
    private RuntimeException failure;

    /** Runs one step; its failure is kept for {@link #finish}. */
    void step(Runnable release) {
        try {
            release.run();
        } catch (RuntimeException e) {
            if (failure == null) {
                failure = e;
            } else {
                failure.addSuppressed(e);
            }
        }
    }

    /** Closes something. */
    void close(AutoCloseable resource) {
        step(
                () -> {
                    try {
                        resource.close();
                    } catch (RuntimeException e) {
                        throw e;
                    } catch (Exception e) {
                        throw new AssertionError(e);
                    }
                });
    }

    /** Takes the status of a driver call as one step. */
    void driver(int status, Object operation) {
        step(() -> CudaStatus.checkDriver(status, operation));
    }

    /**
     * Ends.
     *
     * @throws RuntimeException the first failure, with the others suppressed in it
     */
    void finish() {
        if (failure != null) {
            throw failure;
        }
    }

    /**
     * Closes what a constructor had opened before it failed.
     *
     * @param opened the last one first
     * @param cause why it failed; what fails now is suppressed in it
     * @return the cause, to be thrown
     */
    static RuntimeException undo(Iterable<AutoCloseable> opened, RuntimeException cause) {
        Teardown teardown = new Teardown();
        opened.forEach(teardown::close);
        if (teardown.failure != null) {
            cause.addSuppressed(teardown.failure);
        }
        return cause;
    }
}
