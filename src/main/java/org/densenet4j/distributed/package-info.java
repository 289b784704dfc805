/**
 * Training in several processes, which add up their gradients: who they are, and how they talk.
 *
 * <p>It depends on nothing. A launcher ({@code mpirun}, {@code srun}) starts the processes, and MPI
 * connects them.
 */
@NullMarked
package org.densenet4j.distributed;

import org.jspecify.annotations.NullMarked;
