# SPDX-FileCopyrightText: 2026 the attd authors
# SPDX-License-Identifier: MIT
"""One chunk of a selective scan in eager PyTorch: whole-chunk operations in place, in tensors that
stay in the second-level cache and are taken once; one fused operation per token for the recurrence.

Same functions, shapes and formulas as in chunk_compiled.py.
"""

import torch


class EagerChunks:
    """The chunk functions, with their temporary tensors."""

    def __init__(self):
        self._held = {}

    def _take(self, name, like, shape):
        key = (name, tuple(shape), like.dtype)
        if key not in self._held:
            tensor = like.new_empty(shape)
            self._held[key] = (tensor, tensor.unbind(0))
        return self._held[key]

    def _block(self, name, rows, A):
        return self._take(name, A, (rows.shape[0],) + tuple(torch.broadcast_shapes(
            A.shape, (rows.shape[1], 1, 1))))

    def _states(self, u, dt, A, B, h):
        """Decays a and states of the chunk."""
        decay, decays = self._block("decay", u, A)
        state, states = self._block("state", u, A)
        torch.mul(dt.unsqueeze(2), A, out=decay).exp_()
        torch.mul((dt * u).unsqueeze(2), B.unsqueeze(3), out=state)
        for a, s in zip(decays, states):
            h = s.addcmul_(a, h)
        return decay, state

    def forward(self, u, dt, A, B, C, h, every):
        _, state = self._states(u, dt, A, B, h)
        y = torch.matmul(C.unsqueeze(2), state).squeeze(2)
        return y, *state[every - 1 :: every].clone().unbind(0)

    def _adjoints(self, u, dt, A, B, C, h, dy, carry):
        """decay, state, g; then W_t = g_t a_t h_{t-1} and sum_t dt_t W_t and what flows on."""
        decay, state = self._states(u, dt, A, B, h)
        g, gs = self._block("g", u, A)
        torch.mul(C.unsqueeze(3), dy.unsqueeze(2), out=g)
        gs[-1].add_(carry)
        decays = self._block("decay", u, A)[1]
        for t in range(len(gs) - 2, -1, -1):
            gs[t].addcmul_(decays[t + 1], gs[t + 1])
        w = torch.mul(decay, g, out=decay)
        carry = w[0].clone()
        w[1:].mul_(state[:-1])
        w[0].mul_(h)
        return state, g, w, carry

    def _table(self, dt, w):
        product = torch.mul(dt.unsqueeze(2), w, out=self._block("product", dt, w[0])[0])
        return product.sum(0)

    def backward_dynamics(self, u, dt, A, B, C, h, dy, carry):
        _, _, w, carry = self._adjoints(u, dt, A, B, C, h, dy, carry)
        return self._table(dt, w), carry

    def backward_dynamics_and_step(self, u, dt, A, B, C, h, dy, carry):
        _, g, w, carry = self._adjoints(u, dt, A, B, C, h, dy, carry)
        dA = self._table(dt, w)
        ddt = w.mul_(A).sum(2).addcmul_(u, torch.matmul(B.unsqueeze(2), g).squeeze(2))
        return dA, ddt, carry

    def backward(self, u, dt, A, B, C, h, dy, carry):
        state, g, w, carry = self._adjoints(u, dt, A, B, C, h, dy, carry)
        dA = self._table(dt, w)
        read = torch.matmul(B.unsqueeze(2), g).squeeze(2)
        ddt = w.mul_(A).sum(2).addcmul_(u, read)
        # A row times a transposed block is several times faster here than the block times a column.
        dB = torch.matmul((dt * u).unsqueeze(2), g.mT).squeeze(2)
        dC = torch.matmul(dy.unsqueeze(2), state.mT).squeeze(2)
        return dt * read, ddt, dA, dB, dC, carry

    def _tangent_states(self, u, dt, A, B, h, tangents, th):
        """decay, its tangent, states and their tangents."""
        tu, tdt, tA, tB = tangents
        decay, state = self._states(u, dt, A, B, h)
        decays, states = self._block("decay", u, A)[1], self._block("state", u, A)[1]
        tdecay, tdecays = self._block("tdecay", u, A)
        tstate, tstates = self._block("tstate", u, A)
        torch.mul(dt.unsqueeze(2), tA, out=tdecay)
        if tdt is not None:
            tdecay.addcmul_(tdt.unsqueeze(2), A)
        tdecay.mul_(decay)
        torch.mul(tdecay[1:], state[:-1], out=tstate[1:])
        torch.mul(tdecay[0], h, out=tstates[0])
        if tdt is not None:
            tstate.addcmul_((tdt * u).addcmul_(dt, tu).unsqueeze(2), B.unsqueeze(3))
            tstate.addcmul_((dt * u).unsqueeze(2), tB.unsqueeze(3))
        for a, s in zip(decays, tstates):
            th = s.addcmul_(a, th)
        return decay, tdecay, state, tstate

    def _tangent_adjoints(self, rows, tangent_rows, A, C, tC, h, th, duals, ends):
        """g, W and sum_t dt_t W_t, the tangents of all three, and what flows on."""
        (dt, dy), (tdt, tdy) = rows, tangent_rows
        carry, tcarry = ends
        decay, tdecay, state, tstate = duals
        decays, tdecays = self._block("decay", dt, A)[1], self._block("tdecay", dt, A)[1]
        g, gs = self._block("g", dt, A)
        tg, tgs = self._block("tg", dt, A)
        torch.mul(C.unsqueeze(3), dy.unsqueeze(2), out=g)
        torch.mul(C.unsqueeze(3), tdy.unsqueeze(2), out=tg)
        if tC is not None:
            tg.addcmul_(tC.unsqueeze(3), dy.unsqueeze(2))
        gs[-1].add_(carry)
        tgs[-1].add_(tcarry)
        for t in range(len(gs) - 2, -1, -1):
            gs[t].addcmul_(decays[t + 1], gs[t + 1])
            tgs[t].addcmul_(decays[t + 1], tgs[t + 1]).addcmul_(tdecays[t + 1], gs[t + 1])
        w, tw = tdecay.mul_(g), torch.mul(decay, tg, out=self._block("product", dt, A)[0])
        tw.add_(w)
        torch.mul(decay, g, out=w)
        carry, tcarry = w[0].clone(), tw[0].clone()
        # W = (a g) h_{t-1}: the tangent first, as it needs a g.
        tw[1:].mul_(state[:-1]).addcmul_(w[1:], tstate[:-1])
        tw[0].mul_(h).addcmul_(w[0], th)
        w[1:].mul_(state[:-1])
        w[0].mul_(h)
        scratch = torch.mul(dt.unsqueeze(2), w, out=decay)
        dA = scratch.sum(0)
        torch.mul(dt.unsqueeze(2), tw, out=scratch)
        if tdt is not None:
            scratch.addcmul_(tdt.unsqueeze(2), w)
        return g, tg, w, tw, dA, scratch.sum(0), carry, tcarry

    def forward_tangent_dynamics(self, u, dt, A, B, C, h, tA, th):
        _, _, state, tstate = self._tangent_states(u, dt, A, B, h, (None, None, tA, None), th)
        y, ty = (torch.matmul(C.unsqueeze(2), x).squeeze(2) for x in (state, tstate))
        return y, ty, state[-1].clone(), tstate[-1].clone()

    def backward_tangent_dynamics(self, u, dt, A, B, C, h, tA, th, dy, tdy, carry, tcarry):
        duals = self._tangent_states(u, dt, A, B, h, (None, None, tA, None), th)
        _, _, _, _, *results = self._tangent_adjoints(
            (dt, dy), (None, tdy), A, C, None, h, th, duals, (carry, tcarry)
        )
        return tuple(results)

    def forward_tangent(self, u, dt, A, B, C, h, tu, tdt, tA, tB, tC, th):
        _, _, state, tstate = self._tangent_states(u, dt, A, B, h, (tu, tdt, tA, tB), th)
        y = torch.matmul(C.unsqueeze(2), state).squeeze(2)
        ty = torch.matmul(C.unsqueeze(2), tstate) + torch.matmul(tC.unsqueeze(2), state)
        return y, ty.squeeze(2), state[-1].clone(), tstate[-1].clone()

    def backward_tangent(
        self, u, dt, A, B, C, h, tu, tdt, tA, tB, tC, th, dy, tdy, carry, tcarry
    ):
        duals = self._tangent_states(u, dt, A, B, h, (tu, tdt, tA, tB), th)
        state, tstate = duals[2:]
        g, tg, w, tw, dA, tdA, carry, tcarry = self._tangent_adjoints(
            (dt, dy), (tdt, tdy), A, C, tC, h, th, duals, (carry, tcarry)
        )

        def rows_times(row, block):
            return torch.matmul(row.unsqueeze(2), block).squeeze(2)

        read = rows_times(B, g)
        tread = rows_times(B, tg) + rows_times(tB, g)
        write, twrite = dt * u, tdt * u + dt * tu
        through_ta = tw.mul_(A).addcmul_(w, tA).sum(2)
        through_a = w.mul_(A).sum(2)
        return (
            dt * read,
            u * read + through_a,
            dA,
            rows_times(write, g.mT),
            rows_times(dy, state.mT),
            tdt * read + dt * tread,
            tu * read + u * tread + through_ta,
            tdA,
            rows_times(write, tg.mT) + rows_times(twrite, g.mT),
            rows_times(dy, tstate.mT) + rows_times(tdy, state.mT),
            carry,
            tcarry,
        )

    def backward_second(self, *operands):
        return self.backward_tangent(*operands)[5:]
