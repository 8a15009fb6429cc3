//! Fakes that keep state, and the contracts that fakes and real adapters both pass.
