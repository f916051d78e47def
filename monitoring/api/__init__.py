"""What every API answer rests on: who may, how errors look, how rows are paged and rendered."""
