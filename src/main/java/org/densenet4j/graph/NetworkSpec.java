package org.densenet4j.graph;

/** What a network is, before it has memory or weights: a preset's hyperparameters, or a graph. */
public interface NetworkSpec {
    /** {@return name to show} */
    String name();

    /** {@return the nodes and features that it consists of: the same object every time} */
    Graph graph();

    /** {@return rows of pixels of an image} */
    default int inputHeight() {
        return graph().input().height();
    }

    /** {@return columns of pixels of an image} */
    default int inputWidth() {
        return graph().input().width();
    }

    /** {@return channels of an image} */
    default int inputChannels() {
        return graph().input().channels();
    }

    /** {@return outputs of the head for each image, or for each of its pixels} */
    default int classes() {
        return graph().classes();
    }
}
