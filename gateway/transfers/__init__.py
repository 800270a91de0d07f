"""Transfers of live calls: cold and warm, by REFER or by a leg of ours that is joined to the call."""
