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

    /** Ends after another failure, which is the one that its caller throws. */
    void finish(RuntimeException cause) {
        if (failure != null) {
            cause.addSuppressed(failure);
        }
    }
}
