package org.densenet4j.engine;

/**
 * Told when operations of the plan's schedule start and end. Called on the thread that drives the
 * step, between operations, never inside one.
 */
public interface OperationListener {
    /** Listens to nothing. */
    OperationListener NONE = new OperationListener() {};

    /**
     * An operation is about to run.
     *
     * @param operation index into {@link org.densenet4j.plan.MemoryPlan#operations()}
     */
    default void before(int operation) {}

    /**
     * An operation was run, or queued where a device works behind the host.
     *
     * @param operation index into {@link org.densenet4j.plan.MemoryPlan#operations()}
     */
    default void after(int operation) {}
}
