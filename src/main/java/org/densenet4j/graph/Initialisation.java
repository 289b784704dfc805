package org.densenet4j.graph;

/**
 * From which distributions the trained tensors of a network start. Everywhere gamma is 1 and beta
 * 0, scales of layers are 1e-6, and those of L2 normalisations 20.
 */
public enum Initialisation {
    /**
     * As torchvision draws its DenseNets: convolutions normal with variance 2/fan-in (He et al.
     * 2015, arXiv 1502.01852, section 2.2), linear layers uniform within ±1/√fan-in, biases 0.
     */
    DENSENET,
    /** As FC-DenseNet's authors: weights uniform within ±√(6/fan-in), biases 0. */
    HE_UNIFORM,
    /**
     * As torchvision draws its ResNets: convolutions normal with variance 2/fan-out; everything
     * else as PyTorch draws it by itself, which is uniform within ±1/√fan-in for the weights and
     * the biases of linear layers.
     */
    RESNET,
    /**
     * As the authors of CondenseNet: convolutions normal with variance 2/fan-out, linear layers
     * uniform within ±1/√fan-in, biases 0.
     */
    FAN_OUT,
    /**
     * As timm draws its RDNets: convolutions normal with variance 2/fan-in, their biases uniform
     * within ±1/√fan-in as PyTorch draws them by itself, linear layers uniform within ±1/√fan-in
     * with biases 0, and the scales of layers 1e-6.
     */
    RDNET,
    /**
     * As the authors of DSOD: convolutions uniform within ±√(3/fan-in), Caffe's "xavier" (Glorot
     * and Bengio 2010), those behind an L2 normalisation, which are heads, normal with deviation
     * 0.01, linear layers uniform within ±1/√fan-in, biases 0.
     */
    DSOD
}
