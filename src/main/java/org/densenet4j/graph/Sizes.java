package org.densenet4j.graph;

/** Checks that what a node makes has the size of the features that it writes to. */
final class Sizes {
    private Sizes() {}

    static void require(String node, Features target, Window window, int height, int width) {
        require(node, target, window.output(height), window.output(width));
    }

    static void require(String node, Features target, int height, int width) {
        if (target.height() != height || target.width() != width) {
            throw new GraphException(
                    "the node '"
                            + node
                            + "' makes "
                            + height
                            + "x"
                            + width
                            + " pixels, the features '"
                            + target.name()
                            + "' have "
                            + target.height()
                            + "x"
                            + target.width());
        }
    }
}
