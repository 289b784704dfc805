package org.densenet4j.graph;

/** What a network is, before it has memory or weights: a preset's hyperparameters, or a graph. */
public interface NetworkSpec {
    /** Name to show. */
    String name();

    /** The nodes and features that it consists of: the same object every time. */
    Graph graph();

    /** Rows of pixels of an image. */
    default int inputHeight() {
        return graph().input().height();
    }

    /** Columns of pixels of an image. */
    default int inputWidth() {
        return graph().input().width();
    }

    /** Channels of an image. */
    default int inputChannels() {
        return graph().input().channels();
    }

    /** Outputs of the head for each image, or for each of its pixels. */
    default int classes() {
        return graph().classes();
    }
}
